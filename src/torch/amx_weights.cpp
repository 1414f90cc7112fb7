// The gradient in the weights of a convolution: for each tap a product of two matrices whose inner
// dimension are positions. Images lie below each other with zeros between them, so that a tap is a
// constant shift of the output's gradient; that is laid out channel by channel, the input by pairs of
// positions. A stride of 2 takes the input apart into pixels of even and of odd rows and columns.
#include "amx.h"
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#if defined(__x86_64__) && defined(__linux__)

#include "amx_kernel.h"
#include "amx_layout.h"
#include <atomic>

namespace {

// Bytes of a band of positions, within the second-level cache.
constexpr int64_t BAND_BYTES = 1 << 20;

// A tap of the kernel: which pixels of the input it reads, and how far from the output.
struct Reach {
  int64_t plane, shift;
};

// Positions: outputs (y, x) image by image; rows from image to image and columns from row to row leave
// room for zeros.
struct Grid {
  int64_t images, height, width, pitch, apart;
  int64_t count() const { return images * apart * pitch; }
};

// The values at a position of an image of `height` by `width`, in pixels of one residue by the stride;
// null where there are none.
struct Planar {
  const uint16_t *from;
  int64_t height, width, channels, stride, i, j;
  const uint16_t *at(const Grid &grid, int64_t position) const {
    if (position < 0 || position >= grid.count())
      return nullptr;
    const int64_t row = position / grid.pitch, image = row / grid.apart;
    const int64_t y = row % grid.apart * stride + i, x = position % grid.pitch * stride + j;
    if (row % grid.apart >= grid.height || position % grid.pitch >= grid.width || y >= height ||
        x >= width)
      return nullptr;
    return from + ((image * height + y) * width + x) * channels;
  }
};

// 16 channels of two positions, side by side.
AMX_KERNEL inline __m512i paired(const uint16_t *first, const uint16_t *second, int64_t channel) {
  const auto wide = [channel](const uint16_t *from) AMX_KERNEL {
    return from ? _mm512_cvtepu16_epi32(_mm256_loadu_si256(
                      reinterpret_cast<const __m256i *>(from + channel)))
                : _mm512_setzero_si512();
  };
  return _mm512_or_si512(wide(first), _mm512_slli_epi32(wide(second), 16));
}

// Groups of 16 channels, `apart` values from the next: pairs [begin, end) of positions from `first` on.
AMX_KERNEL void lay_pairs(const Planar &pixels, const Grid &grid, int64_t first, int64_t begin,
                          int64_t end, int64_t apart, uint16_t *to) {
  for (int64_t pair = begin; pair < end; pair++) {
    const uint16_t *left = pixels.at(grid, first + 2 * pair);
    const uint16_t *right = pixels.at(grid, first + 2 * pair + 1);
    for (int64_t channel = 0; channel < pixels.channels; channel += TILE)
      _mm512_storeu_si512(to + channel / TILE * apart + pair * DEPTH, paired(left, right, channel));
  }
}

// A row for each channel, `row` values long: pairs [begin, end) of positions from `first` on.
AMX_KERNEL void lay_rows(const Planar &pixels, const Grid &grid, int64_t first, int64_t begin,
                         int64_t end, int64_t row, uint16_t *to) {
  alignas(64) int32_t index[TILE];
  for (int64_t c = 0; c < TILE; c++)
    index[c] = int32_t(c * row);
  const __m512i places = _mm512_loadu_si512(index);
  for (int64_t pair = begin; pair < end; pair++) {
    const uint16_t *left = pixels.at(grid, first + 2 * pair);
    const uint16_t *right = pixels.at(grid, first + 2 * pair + 1);
    for (int64_t channel = 0; channel < pixels.channels; channel += TILE)
      _mm512_i32scatter_epi32(to + channel * row + 2 * pair, places, paired(left, right, channel),
                              2);
  }
}

// Adds `count` products of tiles to sums in rows `apart` floats from each other; the first of all
// begins them.
template <int HEIGHT, int WIDTH>
AMX_KERNEL void add_products(const uint16_t *left, int64_t row, const uint16_t *right,
                             int64_t group, int64_t count, float *sums, int64_t apart, bool first) {
  const int64_t stride = row * sizeof(uint16_t), line = apart * sizeof(float);
  float *below = sums + TILE * apart;
  if (first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, sums, line);
    if constexpr (WIDTH == 2) _tile_loadd(1, sums + TILE, line);
    if constexpr (HEIGHT == 2) _tile_loadd(2, below, line);
    if constexpr (HEIGHT == 2 && WIDTH == 2) _tile_loadd(3, below + TILE, line);
  }
  for (int64_t k = 0; k < count; k++, left += DEPTH, right += TILE * DEPTH) {
    _tile_loadd(4, left, stride);
    _tile_loadd(6, right, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (WIDTH == 2) {
      _tile_loadd(7, right + group, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (HEIGHT == 2) {
      _tile_loadd(5, left + TILE * row, stride);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (WIDTH == 2) _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, sums, line);
  if constexpr (WIDTH == 2) _tile_stored(1, sums + TILE, line);
  if constexpr (HEIGHT == 2) _tile_stored(2, below, line);
  if constexpr (HEIGHT == 2 && WIDTH == 2) _tile_stored(3, below + TILE, line);
}

std::vector<Reach> reaches(const Shape &shape, int64_t pitch) {
  std::vector<Reach> result;
  // Rounds down, also below zero.
  const auto shift = [&](int64_t tap) {
    return (tap - shape.padding + shape.stride * shape.kernel) / shape.stride - shape.kernel;
  };
  for (int64_t i = 0; i < shape.kernel; i++)
    for (int64_t j = 0; j < shape.kernel; j++) {
      const auto residue = [&](int64_t tap, int64_t by) {
        return tap - shape.padding - by * shape.stride;
      };
      const int64_t down = shift(i), across = shift(j);
      result.push_back({residue(i, down) * shape.stride + residue(j, across), down * pitch + across});
    }
  return result;
}

} // namespace

namespace amx {

at::Tensor weight_gradient(const at::Tensor &input, const at::Tensor &of_output,
                           const Shape &shape) {
  const auto format = at::MemoryFormat::ChannelsLast;
  const at::Tensor x = input.contiguous(format), gradient = of_output.contiguous(format);
  const int64_t gap = shape.kernel / 2, planes = shape.stride * shape.stride;
  const int64_t height = gradient.size(2), width = gradient.size(3);
  const Grid grid{x.size(0), height, width, width + gap, height + gap};
  const auto taps = reaches(shape, grid.pitch);
  int64_t before = 0, after = 0;
  for (const Reach &tap : taps) {
    before = std::max(before, tap.shift);
    after = std::max(after, -tap.shift);
  }
  before += before % 2;
  const int64_t whole = over(grid.count(), DEPTH) * DEPTH;
  const int64_t fitting = BAND_BYTES / 2 / (shape.out + planes * shape.in) / DEPTH * DEPTH;
  const int64_t band = std::min(whole, std::max<int64_t>(fitting, 8 * DEPTH));
  // Rows begin in different sets of the cache.
  const int64_t held = over(before + band + after, DEPTH) * DEPTH, row = over(held, 64) * 64 + DEPTH;
  const int64_t pairs = band / 2, group = band * TILE;
  at::Tensor result = at::empty({shape.out, shape.in, shape.kernel, shape.kernel},
                                x.options().dtype(at::kFloat), format);
  const at::Tensor left = at::empty({shape.out * row}, x.options());
  const at::Tensor right = at::empty({planes * shape.in * band}, x.options());
  auto *rows = static_cast<uint16_t *>(left.data_ptr());
  auto *columns = static_cast<uint16_t *>(right.data_ptr());
  auto *sums = result.data_ptr<float>();
  const Planar outputs{static_cast<const uint16_t *>(gradient.const_data_ptr()), height, width,
                        shape.out, 1, 0, 0};
  const int64_t apart = taps.size() * shape.in;
  const int64_t tall = over(shape.out, 2 * TILE), wide = over(shape.in, 2 * TILE);
  for (int64_t first = 0; first < whole; first += band) {
    const int64_t count = std::min(band, whole - first) / DEPTH;
    at::parallel_for(0, held / 2, 64, [&](int64_t begin, int64_t end) {
      lay_rows(outputs, grid, first - before, begin, end, row, rows);
    });
    at::parallel_for(0, planes * pairs, 64, [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin / pairs; plane * pairs < end; plane++) {
        const Planar inputs{static_cast<const uint16_t *>(x.const_data_ptr()), x.size(2), x.size(3),
                             shape.in, shape.stride, plane / shape.stride, plane % shape.stride};
        lay_pairs(inputs, grid, first, std::max<int64_t>(begin - plane * pairs, 0),
                  std::min(pairs, end - plane * pairs), group,
                  columns + plane * shape.in * band);
      }
    });
    std::atomic<int64_t> next = 0;
    const int64_t units = tall * wide * int64_t(taps.size());
    at::parallel_for(0, at::get_num_threads(), 1, [&](int64_t, int64_t) {
      configure_tiles();
      for (int64_t unit; (unit = next++) < units;) {
        const Reach &tap = taps[unit % taps.size()];
        const int64_t o = unit / taps.size() / wide * 2 * TILE;
        const int64_t c = unit / taps.size() % wide * 2 * TILE;
        const uint16_t *from = rows + o * row + before - tap.shift;
        const uint16_t *with = columns + (tap.plane * shape.in + c) * band;
        float *to = sums + o * apart + unit % taps.size() * shape.in + c;
        const bool two = shape.out - o > TILE, both = shape.in - c > TILE;
        (two ? (both ? add_products<2, 2> : add_products<2, 1>)
             : (both ? add_products<1, 2> : add_products<1, 1>))(from, row, with, group, count, to,
                                                                 apart, first == 0);
      }
      release_tiles();
    });
  }
  return result.to(at::kBFloat16);
}

} // namespace amx

#else

namespace amx {

at::Tensor weight_gradient(const at::Tensor &x, const at::Tensor &, const Shape &) { return x; }

} // namespace amx

#endif
