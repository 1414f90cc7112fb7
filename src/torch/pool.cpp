// The largest value of each window of bf16 values in channels-last order, on CPUs with AVX-512: which
// tap it was takes one byte, and the gradient is gathered, pixel by pixel, without clearing it first.
#include "avx512.h"
#include "guarded.h"
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/max_pool2d_with_indices.h>
#include <ATen/ops/max_pool2d_with_indices_backward.h>
#include <algorithm>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#if defined(__x86_64__) && defined(__linux__)

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

struct Windows {
  int64_t kernel, stride, padding;
  // Of an image, and of its result.
  int64_t channels, height, width, rows, columns;
};

// The result at (y, x) of an image, and its taps; a NaN counts as largest.
AVX512_KERNEL void pool(const Windows &w, const uint16_t *image, int64_t y, int64_t x, uint16_t *to,
                      uint8_t *taps) {
  const int64_t top = y * w.stride - w.padding, left = x * w.stride - w.padding;
  const int64_t first_row = std::max<int64_t>(-top, 0), first = std::max<int64_t>(-left, 0);
  const int64_t last_row = std::min(w.kernel, w.height - top), last = std::min(w.kernel, w.width - left);
  for (int64_t c = 0; c < w.channels; c += LANES) {
    __m512 best = _mm512_set1_ps(-__builtin_inff());
    __m128i tap = _mm_set1_epi8(char(first_row * w.kernel + first));
    for (int64_t i = first_row; i < last_row; i++)
      for (int64_t j = first; j < last; j++) {
        const __m512 value = widened(image + ((top + i) * w.width + left + j) * w.channels + c);
        const __mmask16 better = _mm512_cmp_ps_mask(value, best, _CMP_GT_OQ) |
                                 _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
        best = _mm512_mask_mov_ps(best, better, value);
        tap = _mm_mask_mov_epi8(tap, better, _mm_set1_epi8(char(i * w.kernel + j)));
      }
    round_to(to + c, best);
    _mm_storeu_si128(reinterpret_cast<__m128i *>(taps + c), tap);
  }
}

// The gradient at pixel (y, x) of an image, given that of its result.
AVX512_KERNEL void gather(const Windows &w, const uint16_t *gradient, const uint8_t *taps, int64_t y,
                        int64_t x, uint16_t *to) {
  const auto first = [&](int64_t at) {
    return std::max<int64_t>((at + w.padding - w.kernel + w.stride) / w.stride, 0);
  };
  const int64_t last_row = std::min((y + w.padding) / w.stride, w.rows - 1);
  const int64_t last = std::min((x + w.padding) / w.stride, w.columns - 1);
  for (int64_t c = 0; c < w.channels; c += LANES) {
    __m512 sum = _mm512_setzero_ps();
    for (int64_t row = first(y); row <= last_row; row++)
      for (int64_t column = first(x); column <= last; column++) {
        const int64_t at = (row * w.columns + column) * w.channels + c;
        const int64_t tap = (y + w.padding - row * w.stride) * w.kernel + x + w.padding -
                            column * w.stride;
        const __m128i chosen = _mm_loadu_si128(reinterpret_cast<const __m128i *>(taps + at));
        const __mmask16 mine = _mm_cmpeq_epi8_mask(chosen, _mm_set1_epi8(char(tap)));
        sum = _mm512_mask_add_ps(sum, mine, sum, widened(gradient + at));
      }
    round_to(to + c, sum);
  }
}

bool serves(const at::Tensor &x, int64_t kernel) {
  static const bool known = has_avx512();
  return known && x.is_cpu() && x.dim() == 4 && x.scalar_type() == at::kBFloat16 &&
         x.size(1) % LANES == 0 && kernel <= 15;
}

const uint16_t *bits(const at::Tensor &tensor) {
  return static_cast<const uint16_t *>(tensor.const_data_ptr());
}

constexpr auto LAST = at::MemoryFormat::ChannelsLast;

struct MaxPool : torch::autograd::Function<MaxPool> {
  static Variable forward(AutogradContext *ctx, const Variable &input, int64_t kernel, int64_t stride,
                          int64_t padding) {
    const at::Tensor x = input.contiguous(LAST);
    const int64_t images = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
    const Windows w{kernel, stride, padding, channels, height, width,
                    (height + 2 * padding - kernel) / stride + 1,
                    (width + 2 * padding - kernel) / stride + 1};
    at::Tensor result = at::empty({images, channels, w.rows, w.columns}, x.options(), LAST);
    at::Tensor taps =
        at::empty({images, channels, w.rows, w.columns}, x.options().dtype(at::kByte), LAST);
    auto *to = static_cast<uint16_t *>(result.data_ptr());
    auto *chosen = taps.data_ptr<uint8_t>();
    at::parallel_for(0, images * w.rows, 4, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++)
        for (int64_t column = 0; column < w.columns; column++) {
          const int64_t at = (row * w.columns + column) * channels;
          pool(w, bits(x) + row / w.rows * height * width * channels, row % w.rows, column, to + at,
               chosen + at);
        }
    });
    ctx->save_for_backward({input, taps});
    ctx->saved_data["kernel"] = kernel;
    ctx->saved_data["stride"] = stride;
    ctx->saved_data["padding"] = padding;
    return result;
  }

  static variable_list backward(AutogradContext *ctx, variable_list gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &taps = saved[1];
    const int64_t kernel = ctx->saved_data["kernel"].toInt();
    const int64_t stride = ctx->saved_data["stride"].toInt();
    const int64_t padding = ctx->saved_data["padding"].toInt();
    // A gradient of the gradient goes through libtorch's own formulas.
    if (at::GradMode::is_enabled()) {
      const std::vector<int64_t> k{kernel, kernel}, s{stride, stride}, p{padding, padding};
      const at::Tensor indices =
          std::get<1>(at::max_pool2d_with_indices(x.detach(), k, s, p, {1, 1}, false));
      return {at::max_pool2d_with_indices_backward(gradients[0], x, k, s, p, {1, 1}, false, indices),
              {}, {}, {}};
    }
    const at::Tensor gradient = gradients[0].contiguous(LAST);
    const int64_t channels = x.size(1), height = x.size(2), width = x.size(3);
    const Windows w{kernel, stride, padding, channels, height, width, gradient.size(2),
                    gradient.size(3)};
    at::Tensor result = at::empty(x.sizes(), x.options(), LAST);
    auto *to = static_cast<uint16_t *>(result.data_ptr());
    const auto *chosen = taps.const_data_ptr<uint8_t>();
    const int64_t each = w.rows * w.columns * channels;
    at::parallel_for(0, x.size(0) * height, 4, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++)
        for (int64_t column = 0; column < width; column++)
          gather(w, bits(gradient) + row / height * each, chosen + row / height * each, row % height,
                 column, to + (row * width + column) * channels);
    });
    return {result, {}, {}, {}};
  }
};

} // namespace
#endif

// The largest value of each window of x (N, C, H, W); differentiable, also twice.
extern "C" char *rt_max_pool(const at::Tensor *x, int64_t kernel, int64_t stride, int64_t padding,
                             at::Tensor **out) {
  return guarded([&] {
#if defined(__x86_64__) && defined(__linux__)
    if (serves(*x, kernel)) {
      *out = new at::Tensor(MaxPool::apply(*x, kernel, stride, padding));
      return;
    }
#endif
    *out = new at::Tensor(
        at::max_pool2d(*x, {kernel, kernel}, {stride, stride}, {padding, padding}, {1, 1}, false));
  });
}
