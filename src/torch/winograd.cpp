// Lavin & Gray 2016, Fast Algorithms for Convolutional Neural Networks, section 4: each 2x2 tile of
// the output is A' [(G g G') * (B' d B)] A, where g is the 3x3 kernel and d the 4x4 tile of the
// input. The products of all tiles are 16 matrix products, with 2.25 times fewer multiplications
// than the direct method; in f32 the rounding error is no larger (see the tests).
#include "winograd.h"
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <algorithm>
#include <cstring>

#ifndef _OPENMP
#error "at::parallel_for runs on one thread unless its user is compiled with OpenMP"
#endif

#ifdef __x86_64__

namespace {

// Channels come in multiples of CHANNELS, tiles in multiples of ROWS.
constexpr int64_t CHANNELS = 16, POINTS = 16, ROWS = 6;
// Tiles per block of the weights' gradient: a panel of them stays in the first-level cache.
constexpr int64_t CORRELATED = 256;

// Between the points of a block: a multiple of 4096 bytes would send the 16 of a tile to one set of
// the cache.
int64_t apart(int64_t floats) { return floats + CHANNELS; }

struct Pixels {
  const float *values;
  int64_t height, width, channels;
};

struct Image {
  float *out;
  const float *bias, *shortcut;
  bool relu;
  int64_t height, width, channels;
};

// What differs between processors; winograd_kernel.h says what each function does.
struct Kernels {
  // Floats of a register; tiles per block, whose 16 products for 64 channels stay in the
  // second-level cache.
  int64_t lanes, block;
  int64_t (*panel_width)(int64_t columns);
  void (*multiply_all)(const float *left, const float *right, float *product, int64_t rows,
                       int64_t in, int64_t out);
  void (*read_tile)(const Pixels &image, int64_t count, int64_t top, int64_t left, float *out,
                    int64_t stride);
  void (*write_tile)(const float *product, int64_t stride, const Image &image, int64_t top,
                     int64_t left);
  void (*spread_tile)(const Pixels &image, int64_t count, int64_t top, int64_t left, float *out,
                      int64_t stride);
  void (*correlate_all)(const float *left, const float *right, float *sum, int64_t tiles,
                        int64_t in, bool first);
  void (*gather_taps)(const float *sums, int64_t stride, int64_t in, float *taps);
  void (*transform_block)(const float *weight, bool flipped, int64_t in, int64_t out, int64_t first,
                          float *to);
};

namespace avx512 {
#define TARGET "avx512f"
#define LANES 16
#define WIDEST 4
#define BLOCK (32 * ROWS)
#include "winograd_kernel.h"
} // namespace avx512

namespace avx2 {
#define TARGET "avx2,fma"
#define LANES 8
#define WIDEST 2
#define BLOCK (16 * ROWS)
#include "winograd_kernel.h"
} // namespace avx2

// Those of this machine, or null.
const Kernels *kernels() {
  static const Kernels *const found =
      __builtin_cpu_supports("avx512f") ? &avx512::KERNELS
      : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &avx2::KERNELS
                                                                        : nullptr;
  return found;
}

} // namespace

namespace winograd {

bool serves(const at::Tensor &x, const at::Tensor &weight, int64_t stride, int64_t padding) {
  return kernels() && x.is_cpu() && x.dim() == 4 && x.scalar_type() == at::kFloat &&
         weight.scalar_type() == at::kFloat && stride == 1 && padding == 1 &&
         weight.size(2) == 3 && weight.size(3) == 3 && weight.size(0) % CHANNELS == 0 &&
         weight.size(1) % CHANNELS == 0 && x.size(1) == weight.size(1);
}

at::Tensor transform(const at::Tensor &weight, bool flipped) {
  const at::Tensor stored = weight.contiguous(at::MemoryFormat::ChannelsLast);
  const int64_t in = weight.size(flipped ? 0 : 1), out = weight.size(flipped ? 1 : 0);
  at::Tensor result = at::empty({POINTS, in, out}, weight.options(), at::MemoryFormat::Contiguous);
  const float *from = stored.const_data_ptr<float>();
  float *to = result.data_ptr<float>();
  const Kernels &with = *kernels();
  at::parallel_for(0, out / with.lanes, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++)
      with.transform_block(from, flipped, in, out, block * with.lanes, to);
  });
  return result;
}

at::Tensor convolve(const at::Tensor &input, const at::Tensor &transformed, int64_t channels,
                    const at::Tensor &bias, const at::Tensor &shortcut, bool relu) {
  const Kernels &with = *kernels();
  const auto format = at::MemoryFormat::ChannelsLast;
  const at::Tensor x = input.contiguous(format);
  const at::Tensor added = shortcut.defined() ? shortcut.contiguous(format) : shortcut;
  const int64_t in = x.size(1), height = x.size(2), width = x.size(3);
  at::Tensor result = at::empty({x.size(0), channels, height, width}, x.options(), format);
  const int64_t across = (width + 1) / 2, per_image = (height + 1) / 2 * across;
  const int64_t tiles = x.size(0) * per_image, threads = at::get_num_threads();
  const int64_t share = (tiles + threads - 1) / threads;
  const int64_t block = std::min(with.block, (share + ROWS - 1) / ROWS * ROWS);
  const float *from = x.const_data_ptr<float>(), *weights = transformed.const_data_ptr<float>();
  const float *residual = added.defined() ? added.const_data_ptr<float>() : nullptr;
  const Image image{result.data_ptr<float>(), bias.defined() ? bias.const_data_ptr<float>() : nullptr,
                    residual, relu, height, width, channels};
  at::parallel_for(0, block ? (tiles + block - 1) / block : 0, 1, [&](int64_t begin, int64_t end) {
    const int64_t to_spectrum = apart(block * in), to_product = apart(block * channels);
    at::Tensor spectra = at::empty({POINTS, to_spectrum}, x.options());
    at::Tensor products = at::empty({POINTS, to_product}, x.options());
    float *spectrum = spectra.data_ptr<float>(), *product = products.data_ptr<float>();
    for (int64_t b = begin; b < end; b++) {
      const int64_t first = b * block, count = std::min(tiles - first, block);
      const int64_t rows = (count + ROWS - 1) / ROWS * ROWS;
      for (int64_t t = 0; t < count; t++) {
        const int64_t number = (first + t) / per_image, tile = (first + t) % per_image;
        const Pixels source{from + number * height * width * in, height, width, in};
        with.read_tile(source, in, tile / across * 2 - 1, tile % across * 2 - 1, spectrum + t * in,
                       to_spectrum);
      }
      for (int64_t p = 0; p < POINTS; p++) {
        float *part = spectrum + p * to_spectrum;
        std::memset(part + count * in, 0, (rows - count) * in * sizeof(float));
        with.multiply_all(part, weights + p * in * channels, product + p * to_product, rows,
                          in, channels);
      }
      for (int64_t t = 0; t < count; t++) {
        const int64_t number = (first + t) / per_image, tile = (first + t) % per_image;
        const int64_t offset = number * height * width * channels;
        Image target = image;
        target.out += offset;
        target.shortcut = residual ? residual + offset : nullptr;
        with.write_tile(product + t * channels, to_product, target, tile / across * 2,
                        tile % across * 2);
      }
    }
  });
  return result;
}

at::Tensor weight_gradient(const at::Tensor &input, const at::Tensor &of_output) {
  const Kernels &with = *kernels();
  const auto format = at::MemoryFormat::ChannelsLast;
  const at::Tensor x = input.contiguous(format), gradient = of_output.contiguous(format);
  const int64_t in = x.size(1), out = gradient.size(1), height = x.size(2), width = x.size(3);
  const int64_t across = (width + 1) / 2, per_image = (height + 1) / 2 * across;
  const int64_t tiles = x.size(0) * per_image, block = std::min(CORRELATED, tiles);
  const float *from = x.const_data_ptr<float>(), *back = gradient.const_data_ptr<float>();
  const int64_t to_spectrum = apart(block * in), to_spread = apart(block * out);
  at::Tensor spectra = at::empty({POINTS, to_spectrum}, x.options());
  at::Tensor spreads = at::empty({POINTS, to_spread}, x.options());
  at::Tensor products = at::empty({POINTS, out, in}, x.options());
  at::Tensor result = at::empty({out, in, 3, 3}, x.options(), format);
  float *spectrum = spectra.data_ptr<float>(), *spread = spreads.data_ptr<float>();
  float *sums = products.data_ptr<float>(), *taps = result.data_ptr<float>();
  for (int64_t first = 0; first < tiles; first += block) {
    const int64_t count = std::min(tiles - first, block);
    at::parallel_for(0, count, ROWS, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; t++) {
        const int64_t number = (first + t) / per_image, tile = (first + t) % per_image;
        const int64_t top = tile / across * 2, left = tile % across * 2;
        const int64_t pixel = number * height * width;
        for (int64_t c = 0, panel; c < in; c += panel) {
          panel = with.panel_width(in - c);
          with.read_tile({from + pixel * in + c, height, width, in}, panel, top - 1, left - 1,
                         spectrum + c * count + t * panel, to_spectrum);
        }
        for (int64_t o = 0; o < out; o += CHANNELS)
          with.spread_tile({back + pixel * out + o, height, width, out}, CHANNELS, top, left,
                           spread + o * count + t * CHANNELS, to_spread);
      }
    });
    const int64_t groups = out / CHANNELS;
    at::parallel_for(0, POINTS * groups, 1, [&](int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; item++) {
        const int64_t point = item / groups, o = item % groups * CHANNELS;
        with.correlate_all(spread + point * to_spread + o * count,
                           spectrum + point * to_spectrum, sums + (point * out + o) * in, count, in,
                           first == 0);
      }
    });
  }
  at::parallel_for(0, out, CHANNELS, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; o++)
      with.gather_taps(sums + o * in, out * in, in, taps + o * 9 * in);
  });
  return result;
}

} // namespace winograd

#else

namespace winograd {

bool serves(const at::Tensor &, const at::Tensor &, int64_t, int64_t) { return false; }
at::Tensor transform(const at::Tensor &weight, bool) { return weight; }
at::Tensor convolve(const at::Tensor &x, const at::Tensor &, int64_t, const at::Tensor &,
                    const at::Tensor &, bool) {
  return x;
}
at::Tensor weight_gradient(const at::Tensor &x, const at::Tensor &) { return x; }

} // namespace winograd

#endif
