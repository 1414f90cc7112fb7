// How amx.cpp lays out pixels: images below each other with zeros between them, so that a tap of the
// kernel lies at a constant distance in memory from the position of its sum, and the 16 rows of a
// tile may belong to two rows of pixels.
#pragma once
#include "amx.h"
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

using amx::Shape;

// A tap of one dimension, and how many rows or pixels it lies from the position.
struct Tap {
  int64_t tap, shift;
};

// The taps that read rows of residue `plane` by the stride.
std::vector<Tap> forward_taps(const Shape &shape, int64_t plane) {
  std::vector<Tap> taps;
  for (int64_t tap = 0; tap < shape.kernel; tap++) {
    const int64_t from = tap - shape.padding + shape.stride * shape.kernel;
    if (from % shape.stride == plane)
      taps.push_back({tap, from / shape.stride - shape.kernel});
  }
  return taps;
}

// The taps by which outputs reach inputs of residue `plane` by the stride, by rising shift.
std::vector<Tap> backward_taps(const Shape &shape, int64_t plane) {
  std::vector<Tap> taps;
  for (int64_t tap = shape.kernel - 1; tap >= 0; tap--) {
    const int64_t to = shape.padding + plane - tap + shape.stride * shape.kernel;
    if (to % shape.stride == 0)
      taps.push_back({tap, to / shape.stride - shape.kernel});
  }
  return taps;
}

// A position is `pixels` pixels of a row; every `planes`-th row of an image lies in the same plane.
struct Layout {
  // Positions of an image, and values of a pixel.
  int64_t height, width, depth;
  int64_t pixels, planes;
  // Rows above and below a position that taps reach, and pixels of zeros before each row.
  int64_t lead, trail, left;
  // Positions of a row with its zeros, and rows from image to image.
  int64_t pitch, apart;

  int64_t step() const { return pixels * depth; }
  int64_t line() const { return pitch * step(); }
  int64_t rows(int64_t images) const { return images * apart - (apart - height); }
};

int64_t over(int64_t size, int64_t by) { return (size + by - 1) / by; }

// Of a convolution of pixels with `depth` values: a stride of 2 takes two pixels to a position and
// parts even rows from odd ones.
Layout forward_layout(const Shape &shape, int64_t depth, int64_t height, int64_t width) {
  const int64_t gap = over(shape.padding, shape.stride);
  Layout result{over(height, shape.stride), over(width, shape.stride), depth, shape.stride,
                shape.stride, gap, gap, shape.padding, 0, 0};
  result.pitch = over(width + shape.padding, shape.stride);
  result.apart = result.height + gap;
  return result;
}

// Of the gradient in an input of `height` and `width`: a position is an output, which gives the
// inputs of each residue by the stride in turn.
Layout backward_layout(const Shape &shape, int64_t height, int64_t width) {
  int64_t lead = 0, trail = 0;
  for (int64_t plane = 0; plane < shape.stride; plane++)
    for (const auto &[tap, shift] : backward_taps(shape, plane)) {
      lead = std::max(lead, -shift);
      trail = std::max(trail, shift);
    }
  const int64_t gap = std::max(lead, trail);
  const int64_t rows = over(height, shape.stride), columns = over(width, shape.stride);
  return {rows, columns, shape.out, 1, 1, lead, trail, lead, columns + gap, rows + gap};
}

// Where the rows of a tile begin, relative to their positions: values `offset` on, `row` rows below
// in `plane`.
struct Step {
  int64_t plane, row, offset;
};


// Lays out rows [first, last) of every plane; `copy(image, y, to)` writes a row of an image.
template <typename CopyRow>
void fill(const Layout &layout, int64_t images, int64_t height, int64_t width, int64_t first,
          int64_t last, uint16_t *to, const CopyRow &copy) {
  const int64_t left = layout.left * layout.depth, held = width * layout.depth;
  const int64_t line = layout.line();
  for (int64_t plane = 0; plane < layout.planes; plane++)
    for (int64_t row = first; row < last; row++, to += line) {
      const int64_t image = row < 0 ? -1 : row / layout.apart;
      const int64_t y = row % layout.apart * layout.planes + plane;
      if (image < 0 || image >= images || row % layout.apart >= layout.height || y >= height) {
        std::memset(to, 0, line * sizeof *to);
        continue;
      }
      std::memset(to, 0, left * sizeof *to);
      copy(image, y, to + left);
      std::memset(to + left + held, 0, (line - left - held) * sizeof *to);
    }
}

// Where the sums go: position (y, x) of an image to its pixel (scale * y + i, scale * x + j).
struct Places {
  int64_t height, width, scale, i, j;
};

// For the positions of rows [first, last) the pixel of the result, or -1.
void aim(const Layout &layout, const Places &places, int64_t first, int64_t last, int64_t *target) {
  for (int64_t row = first; row < last; row++) {
    const int64_t image = row / layout.apart, y = row % layout.apart;
    const int64_t to_y = y * places.scale + places.i;
    const bool inside = y < layout.height && to_y < places.height;
    for (int64_t x = 0; x < layout.pitch; x++) {
      const int64_t to_x = x * places.scale + places.j;
      *target++ = inside && x < layout.width && to_x < places.width
                      ? (image * places.height + to_y) * places.width + to_x
                      : -1;
    }
  }
}

} // namespace
