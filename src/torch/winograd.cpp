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

constexpr int64_t LANES = 16, POINTS = 16, ROWS = 6, WIDEST = 4;
// Tiles per block: their 16 products for 64 channels stay in the second-level cache.
constexpr int64_t BLOCK = 32 * ROWS;

#define KERNEL __attribute__((target("avx512f"), always_inline)) inline
#define KERNEL_ENTRY __attribute__((target("avx512f")))
#define UNROLL _Pragma("GCC unroll 8")
using Lanes = float __attribute__((vector_size(64), aligned(4), may_alias));

KERNEL Lanes load(const float *from) { return *reinterpret_cast<const Lanes *>(from); }
KERNEL void store(float *to, Lanes value) { *reinterpret_cast<Lanes *>(to) = value; }

// Columns are kept in panels of 64, then 32, then 16, each panel contiguous: the panel that
// starts at column o starts at o * rows.
KERNEL int64_t panel_width(int64_t columns) {
  return columns >= WIDEST * LANES ? WIDEST * LANES : columns >= 2 * LANES ? 2 * LANES : LANES;
}

// ROWS rows of `product` (stride `out`): rows of `left` (stride `in`) times a panel of `right`.
template <int WIDTH>
KERNEL void multiply(const float *left, const float *right, float *product, int64_t in,
                     int64_t out) {
  Lanes sum[ROWS][WIDTH];
  UNROLL for (int r = 0; r < ROWS; r++) {
    UNROLL for (int w = 0; w < WIDTH; w++) sum[r][w] = Lanes{};
  }
  _Pragma("GCC unroll 1") for (int64_t i = 0; i < in; i++) {
    Lanes row[WIDTH];
    UNROLL for (int w = 0; w < WIDTH; w++) row[w] = load(right + (i * WIDTH + w) * LANES);
    UNROLL for (int r = 0; r < ROWS; r++) {
      UNROLL for (int w = 0; w < WIDTH; w++) sum[r][w] += row[w] * left[r * in + i];
    }
  }
  UNROLL for (int r = 0; r < ROWS; r++) {
    UNROLL for (int w = 0; w < WIDTH; w++) store(product + r * out + w * LANES, sum[r][w]);
  }
}

KERNEL_ENTRY void multiply_all(const float *left, const float *right, float *product, int64_t rows,
                               int64_t in, int64_t out) {
  for (int64_t o = 0, width; o < out; o += width) {
    width = panel_width(out - o);
    for (int64_t r = 0; r < rows; r += ROWS) {
      const float *l = left + r * in, *panel = right + o * in;
      float *p = product + r * out + o;
      if (width == 4 * LANES)
        multiply<4>(l, panel, p, in, out);
      else if (width == 2 * LANES)
        multiply<2>(l, panel, p, in, out);
      else
        multiply<1>(l, panel, p, in, out);
    }
  }
}

// B' d B of the 4x4 tile whose corner is (top, left), zero outside the image, for all channels.
KERNEL_ENTRY void read_tile(const float *image, int64_t height, int64_t width, int64_t channels,
                            int64_t top, int64_t left, float *out, int64_t stride) {
  for (int64_t c = 0; c < channels; c += LANES) {
    Lanes d[4][4], t[4][4];
    UNROLL for (int i = 0; i < 4; i++) {
      UNROLL for (int j = 0; j < 4; j++) {
        const int64_t y = top + i, x = left + j;
        const bool inside = y >= 0 && y < height && x >= 0 && x < width;
        d[i][j] = inside ? load(image + (y * width + x) * channels + c) : Lanes{};
      }
    }
    UNROLL for (int j = 0; j < 4; j++) {
      t[0][j] = d[0][j] - d[2][j];
      t[1][j] = d[1][j] + d[2][j];
      t[2][j] = d[2][j] - d[1][j];
      t[3][j] = d[1][j] - d[3][j];
    }
    UNROLL for (int i = 0; i < 4; i++) {
      store(out + (4 * i + 0) * stride + c, t[i][0] - t[i][2]);
      store(out + (4 * i + 1) * stride + c, t[i][1] + t[i][2]);
      store(out + (4 * i + 2) * stride + c, t[i][2] - t[i][1]);
      store(out + (4 * i + 3) * stride + c, t[i][1] - t[i][3]);
    }
  }
}

struct Image {
  float *out;
  const float *bias, *shortcut;
  bool relu;
  int64_t height, width, channels;
};

// A' m A of one tile, to the 2x2 pixels at (top, left) that lie inside the image.
KERNEL_ENTRY void write_tile(const float *m, int64_t stride, const Image &image, int64_t top,
                             int64_t left) {
  for (int64_t c = 0; c < image.channels; c += LANES) {
    Lanes s[2][4];
    UNROLL for (int j = 0; j < 4; j++) {
      const Lanes m0 = load(m + j * stride + c), m1 = load(m + (4 + j) * stride + c);
      const Lanes m2 = load(m + (8 + j) * stride + c), m3 = load(m + (12 + j) * stride + c);
      s[0][j] = m0 + m1 + m2;
      s[1][j] = m1 - m2 - m3;
    }
    const Lanes bias = image.bias ? load(image.bias + c) : Lanes{};
    for (int i = 0; i < 2 && top + i < image.height; i++) {
      const Lanes pixels[2] = {s[i][0] + s[i][1] + s[i][2] + bias,
                               s[i][1] - s[i][2] - s[i][3] + bias};
      for (int j = 0; j < 2 && left + j < image.width; j++) {
        const int64_t at = ((top + i) * image.width + left + j) * image.channels + c;
        Lanes pixel = pixels[j];
        if (image.shortcut)
          pixel += load(image.shortcut + at);
        // Written so that a NaN stays one.
        if (image.relu)
          pixel = pixel < 0 ? Lanes{} : pixel;
        store(image.out + at, pixel);
      }
    }
  }
}

// G g G' for 16 output channels: g(k) gives the k-th of the 9 taps.
template <typename Taps> KERNEL void transform_taps(const Taps &g, float *out, int64_t stride) {
  Lanes t[4][3];
  UNROLL for (int j = 0; j < 3; j++) {
    const Lanes g0 = g(j), g1 = g(3 + j), g2 = g(6 + j);
    t[0][j] = g0;
    t[1][j] = (g0 + g1 + g2) * 0.5f;
    t[2][j] = (g0 - g1 + g2) * 0.5f;
    t[3][j] = g2;
  }
  UNROLL for (int i = 0; i < 4; i++) {
    store(out + (4 * i + 0) * stride, t[i][0]);
    store(out + (4 * i + 1) * stride, (t[i][0] + t[i][1] + t[i][2]) * 0.5f);
    store(out + (4 * i + 2) * stride, (t[i][0] - t[i][1] + t[i][2]) * 0.5f);
    store(out + (4 * i + 3) * stride, t[i][2]);
  }
}

// All input channels of the 16 output channels that start at o. The weight is stored output, row,
// column, input, `inner` being the length of its last dimension.
KERNEL_ENTRY void transform_block(const float *weight, bool flipped, int64_t in, int64_t out,
                                  int64_t o, float *to) {
  const int64_t panel = o / (WIDEST * LANES) * (WIDEST * LANES), inner = flipped ? out : in;
  int64_t start = panel, width = panel_width(out - start);
  while (o >= start + width) {
    start += width;
    width = panel_width(out - start);
  }
  for (int64_t i = 0; i < in; i++) {
    float *at = to + start * in + i * width + (o - start);
    if (flipped) {
      transform_taps([&](int k) KERNEL_ENTRY { return load(weight + (i * 9 + 8 - k) * inner + o); },
                     at, in * out);
    } else {
      float taps[9][LANES];
      for (int64_t l = 0; l < LANES; l++)
        for (int64_t k = 0; k < 9; k++)
          taps[k][l] = weight[((o + l) * 9 + k) * inner + i];
      transform_taps([&](int k) KERNEL_ENTRY { return load(taps[k]); }, at, in * out);
    }
  }
}

} // namespace

namespace winograd {

bool serves(const at::Tensor &x, const at::Tensor &weight, int64_t stride, int64_t padding) {
  static const bool machine = __builtin_cpu_supports("avx512f");
  return machine && x.is_cpu() && x.dim() == 4 && x.scalar_type() == at::kFloat &&
         weight.scalar_type() == at::kFloat && stride == 1 && padding == 1 &&
         weight.size(2) == 3 && weight.size(3) == 3 && weight.size(0) % LANES == 0 &&
         weight.size(1) % LANES == 0 && x.size(1) == weight.size(1);
}

at::Tensor transform(const at::Tensor &weight, bool flipped) {
  const at::Tensor stored = weight.contiguous(at::MemoryFormat::ChannelsLast);
  const int64_t in = weight.size(flipped ? 0 : 1), out = weight.size(flipped ? 1 : 0);
  at::Tensor result = at::empty({POINTS, in, out}, weight.options(), at::MemoryFormat::Contiguous);
  const float *from = stored.const_data_ptr<float>();
  float *to = result.data_ptr<float>();
  at::parallel_for(0, out / LANES, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++)
      transform_block(from, flipped, in, out, block * LANES, to);
  });
  return result;
}

at::Tensor convolve(const at::Tensor &input, const at::Tensor &transformed, int64_t channels,
                    const at::Tensor &bias, const at::Tensor &shortcut, bool relu) {
  const auto format = at::MemoryFormat::ChannelsLast;
  const at::Tensor x = input.contiguous(format);
  const at::Tensor added = shortcut.defined() ? shortcut.contiguous(format) : shortcut;
  const int64_t in = x.size(1), height = x.size(2), width = x.size(3);
  at::Tensor result = at::empty({x.size(0), channels, height, width}, x.options(), format);
  const int64_t across = (width + 1) / 2, per_image = (height + 1) / 2 * across;
  const int64_t tiles = x.size(0) * per_image, threads = at::get_num_threads();
  const int64_t share = (tiles + threads - 1) / threads;
  const int64_t block = std::min(BLOCK, (share + ROWS - 1) / ROWS * ROWS);
  const float *from = x.const_data_ptr<float>(), *weights = transformed.const_data_ptr<float>();
  const float *residual = added.defined() ? added.const_data_ptr<float>() : nullptr;
  const Image image{result.data_ptr<float>(), bias.defined() ? bias.const_data_ptr<float>() : nullptr,
                    residual, relu, height, width, channels};
  at::parallel_for(0, block ? (tiles + block - 1) / block : 0, 1, [&](int64_t begin, int64_t end) {
    at::Tensor spectra = at::empty({POINTS, block, in}, x.options());
    at::Tensor products = at::empty({POINTS, block, channels}, x.options());
    float *spectrum = spectra.data_ptr<float>(), *product = products.data_ptr<float>();
    for (int64_t b = begin; b < end; b++) {
      const int64_t first = b * block, count = std::min(tiles - first, block);
      const int64_t rows = (count + ROWS - 1) / ROWS * ROWS;
      for (int64_t t = 0; t < count; t++) {
        const int64_t number = (first + t) / per_image, tile = (first + t) % per_image;
        read_tile(from + number * height * width * in, height, width, in, tile / across * 2 - 1,
                  tile % across * 2 - 1, spectrum + t * in, block * in);
      }
      for (int64_t p = 0; p < POINTS; p++) {
        float *part = spectrum + p * block * in;
        std::memset(part + count * in, 0, (rows - count) * in * sizeof(float));
        multiply_all(part, weights + p * in * channels, product + p * block * channels, rows, in,
                     channels);
      }
      for (int64_t t = 0; t < count; t++) {
        const int64_t number = (first + t) / per_image, tile = (first + t) % per_image;
        const int64_t offset = number * height * width * channels;
        Image target = image;
        target.out += offset;
        target.shortcut = residual ? residual + offset : nullptr;
        write_tile(product + t * channels, block * channels, target, tile / across * 2,
                   tile % across * 2);
      }
    }
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

} // namespace winograd

#endif
