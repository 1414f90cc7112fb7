// Sums stay in registers for a run of pixels and up to 64 channels, while all taps pass by: an image
// of three channels gives too few products to be worth an intermediate matrix.
#include "avx512.h"
#include "stem.h"
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <algorithm>
#include <vector>

#if defined(__x86_64__) && defined(__linux__)

namespace {

// The most channels of a pixel: with more, an intermediate matrix is worth its while.
constexpr int64_t MOST = 4;

struct Geometry {
  // Rows of the kernel, and values of an image in each of them.
  int64_t rows, across;
  // Values from an output's pixels to the next output's, and from row to row.
  int64_t step, line;
};

// What follows the sums of `channels` channels.
struct Output {
  float *wide;
  at::BFloat16 *half;
  const float *bias;
  bool relu;
  int64_t channels;
};

template <int VECTORS, int PIXELS>
AVX512_KERNEL void sum_block(const float *from, const Geometry &shape, const float *weights,
                           int64_t count, int64_t position, int64_t channel, const Output &output) {
  __m512 sums[PIXELS][VECTORS];
#pragma GCC unroll 16
  for (int p = 0; p < PIXELS; p++)
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++)
      sums[p][v] = _mm512_setzero_ps();
  for (int64_t row = 0; row < shape.rows; row++) {
    const float *left = from + row * shape.line;
    for (int64_t tap = 0; tap < shape.across; tap++, left++, weights += VECTORS * LANES) {
      __m512 weight[VECTORS];
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; v++)
        weight[v] = _mm512_loadu_ps(weights + v * LANES);
#pragma GCC unroll 16
      for (int p = 0; p < PIXELS; p++) {
        const __m512 value = _mm512_set1_ps(left[p * shape.step]);
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++)
          sums[p][v] = _mm512_fmadd_ps(value, weight[v], sums[p][v]);
      }
    }
  }
  for (int p = 0; p < PIXELS && p < count; p++)
    for (int v = 0; v < VECTORS; v++) {
      __m512 sum = sums[p][v];
      if (output.bias) sum = _mm512_add_ps(sum, _mm512_loadu_ps(output.bias + channel + v * LANES));
      // In this order a NaN stays one.
      if (output.relu) sum = _mm512_max_ps(_mm512_setzero_ps(), sum);
      const int64_t at = (position + p) * output.channels + channel + v * LANES;
      if (output.half) {
        round_to(output.half + at, sum);
      } else {
        _mm512_storeu_ps(output.wide + at, sum);
      }
    }
}

// The sums of a row of `width` outputs, the first of them at `position`, for 16 * VECTORS channels.
template <int VECTORS, int PIXELS>
AVX512_KERNEL void sum_row(const float *from, const Geometry &shape, const float *weights,
                         int64_t width, int64_t position, int64_t channel, const Output &output) {
  for (int64_t x = 0; x < width; x += PIXELS)
    sum_block<VECTORS, PIXELS>(from + x * shape.step, shape, weights, width - x, position + x,
                               channel, output);
}

// As many outputs at once as registers hold sums of.
constexpr int64_t LONGEST = 16;

void sum_channels(const float *from, const Geometry &shape, const float *weights, int64_t width,
                  int64_t position, const Output &output) {
  const int64_t taps = shape.rows * shape.across;
  int64_t channel = 0;
  for (; channel + 4 * LANES <= output.channels; channel += 4 * LANES)
    sum_row<4, 6>(from, shape, weights + channel * taps, width, position, channel, output);
  if (channel + 2 * LANES <= output.channels) {
    sum_row<2, 12>(from, shape, weights + channel * taps, width, position, channel, output);
    channel += 2 * LANES;
  }
  if (channel < output.channels)
    sum_row<1, LONGEST>(from, shape, weights + channel * taps, width, position, channel, output);
}

// The weights (O, K * K * C) by groups of channels that are summed together: tap by tap, side by side.
std::vector<float> packed(const at::Tensor &weight) {
  const at::Tensor stored = weight.contiguous(at::MemoryFormat::ChannelsLast);
  const float *from = stored.const_data_ptr<float>();
  const int64_t channels = weight.size(0), taps = weight.numel() / channels;
  std::vector<float> result(weight.numel());
  float *to = result.data();
  for (int64_t channel = 0; channel < channels;) {
    const int64_t left = channels - channel;
    const int64_t group = left >= 4 * LANES ? 4 * LANES : left >= 2 * LANES ? 2 * LANES : LANES;
    for (int64_t tap = 0; tap < taps; tap++)
      for (int64_t c = 0; c < group; c++)
        *to++ = from[(channel + c) * taps + tap];
    channel += group;
  }
  return result;
}

} // namespace

namespace stem {

bool serves(const at::Tensor &x, const at::Tensor &weight, int64_t groups) {
  static const bool known = has_avx512();
  return known && groups == 1 && x.is_cpu() && x.dim() == 4 && x.scalar_type() == at::kFloat &&
         weight.is_cpu() && weight.scalar_type() == at::kFloat && x.size(1) == weight.size(1) &&
         x.size(1) <= MOST && weight.size(0) % LANES == 0 && weight.size(2) == weight.size(3);
}

at::Tensor convolve(const at::Tensor &input, const at::Tensor &weight, const at::Tensor &bias,
                    int64_t stride, int64_t padding, bool relu, bool rounded) {
  const auto format = at::MemoryFormat::ChannelsLast;
  const at::Tensor x = input.contiguous(format);
  const at::Tensor constant = bias.defined() ? bias.contiguous() : bias;
  const int64_t images = x.size(0), depth = x.size(1), height = x.size(2), width = x.size(3);
  const int64_t channels = weight.size(0), kernel = weight.size(2);
  const int64_t rows = (height + 2 * padding - kernel) / stride + 1;
  const int64_t columns = (width + 2 * padding - kernel) / stride + 1;
  at::Tensor result = at::empty({images, channels, rows, columns},
                                x.options().dtype(rounded ? at::kBFloat16 : at::kFloat), format);
  const std::vector<float> weights = packed(weight);
  const Geometry shape{kernel, kernel * depth, stride * depth, (width + 2 * padding) * depth};
  const Output output{rounded ? nullptr : result.data_ptr<float>(),
                      rounded ? result.data_ptr<at::BFloat16>() : nullptr,
                      constant.defined() ? constant.const_data_ptr<float>() : nullptr, relu,
                      channels};
  const float *from = x.const_data_ptr<float>();
  at::parallel_for(0, images * rows, 8, [&](int64_t begin, int64_t end) {
    // The pixels under one row of outputs, with zeros around; what is read beyond them is not kept.
    std::vector<float> laid(kernel * shape.line + LONGEST * shape.step);
    for (int64_t row = begin; row < end; row++) {
      const int64_t image = row / rows, top = row % rows * stride - padding;
      for (int64_t k = 0; k < kernel; k++)
        if (top + k < 0 || top + k >= height)
          std::fill_n(&laid[k * shape.line], shape.line, 0.0f);
        else
          std::copy_n(from + (image * height + top + k) * width * depth, width * depth,
                      &laid[k * shape.line + padding * depth]);
      sum_channels(laid.data(), shape, weights.data(), columns, row * columns, output);
    }
  });
  return result;
}

} // namespace stem

#else

namespace stem {

bool serves(const at::Tensor &, const at::Tensor &, int64_t) { return false; }
at::Tensor convolve(const at::Tensor &x, const at::Tensor &, const at::Tensor &, int64_t, int64_t,
                    bool, bool) {
  return x;
}

} // namespace stem

#endif
