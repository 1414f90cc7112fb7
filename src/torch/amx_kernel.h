// The arithmetic of amx.cpp: products of tiles, and what is done with their sums.
#pragma once
#include "avx512.h"
#include <algorithm>
#include <cstdint>
#include <cstring>

namespace {

#define AMX_KERNEL                                                                                 \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16,amx-tile,amx-bf16")))

// A tile has 16 rows of 16 sums, or of 32 values of bf16.
constexpr int64_t TILE = 16, DEPTH = 32;

// The values of a layer: sums + bias + shortcut, where there are any, then the rectifier.
struct Values {
  uint16_t *to;
  const float *bias;
  const uint16_t *shortcut;
  bool relu;
  int64_t channels;
  int64_t columns() const { return channels; }
};

// The gradient in f32 pixels: the columns of the first tile are the `channels` of the `scale` times
// `scale` pixels of a position, those of the second are what they lack.
struct Pixels {
  float *to;
  int64_t channels, scale, width;
  int64_t columns() const { return 2 * TILE; }
};

bool has_instructions() {
  unsigned eax = 7, ebx, ecx = 0, edx;
  __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  const bool tiles = (edx >> 22 & 1) && (edx >> 24 & 1);
  return tiles && has_avx512();
}

// All eight tiles in full size. The compiler takes the load of a configuration to read its first
// eight bytes only, and would leave out stores to the rest of a local one.
struct alignas(64) TileConfiguration {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr TileConfiguration WHOLE_TILES;

AMX_KERNEL void configure_tiles() { _tile_loadconfig(&WHOLE_TILES); }

AMX_KERNEL void release_tiles() { _tile_release(); }

// Where the tile of weights for columns from 16 * tile on and step k lies: two tiles of columns
// alternate, but for a last odd one.
int64_t place(int64_t tile, int64_t k, int64_t count, int64_t columns) {
  const int64_t pair = tile / 2 * 2, wide = columns / TILE - pair >= 2 ? 2 : 1;
  return (pair * count + k * wide + tile % 2) * TILE * DEPTH;
}

// The sums of 16 * HEIGHT pixels and 16 * WIDTH columns, in rows of 32.
template <int HEIGHT, int WIDTH>
AMX_KERNEL void multiply_block(const uint16_t *from, int64_t channels, const int64_t *offsets,
                               int64_t count, const uint16_t *weights, float *sums) {
  const int64_t stride = channels * sizeof(uint16_t);
  _tile_zero(0);
  if constexpr (WIDTH == 2) _tile_zero(1);
  if constexpr (HEIGHT == 2) _tile_zero(2);
  if constexpr (HEIGHT == 2 && WIDTH == 2) _tile_zero(3);
  for (int64_t k = 0; k < count; k++) {
    const uint16_t *left = from + offsets[k];
    _tile_loadd(4, left, stride);
    _tile_loadd(6, weights, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (WIDTH == 2) {
      _tile_loadd(7, weights + TILE * DEPTH, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (HEIGHT == 2) {
      _tile_loadd(5, left + TILE * channels, stride);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (WIDTH == 2) _tile_dpbf16ps(3, 5, 7);
    }
    weights += WIDTH * TILE * DEPTH;
  }
  _tile_stored(0, sums, 128);
  if constexpr (WIDTH == 2) _tile_stored(1, sums + TILE, 128);
  if constexpr (HEIGHT == 2) _tile_stored(2, sums + TILE * 32, 128);
  if constexpr (HEIGHT == 2 && WIDTH == 2) _tile_stored(3, sums + TILE * 32 + TILE, 128);
}

// Puts the sums of `count` positions, in rows of 32, into their places.
AMX_KERNEL void put(const float *sums, const int64_t *targets, int64_t count, int64_t column,
                    int64_t width, const Values &values) {
  for (int64_t i = 0; i < count; i++) {
    if (targets[i] < 0) continue;
    const int64_t at = targets[i] * values.channels + column;
    for (int64_t c = 0; c < width; c += TILE) {
      __m512 sum = _mm512_loadu_ps(sums + i * 32 + c);
      if (values.bias) sum = _mm512_add_ps(sum, _mm512_loadu_ps(values.bias + column + c));
      if (values.shortcut) sum = _mm512_add_ps(sum, widened(values.shortcut + at + c));
      // In this order a NaN stays one.
      if (values.relu) sum = _mm512_max_ps(_mm512_setzero_ps(), sum);
      round_to(values.to + at + c, sum);
    }
  }
}

AMX_KERNEL void put(const float *sums, const int64_t *targets, int64_t count, int64_t, int64_t,
                    const Pixels &pixels) {
  for (int64_t i = 0; i < count; i++) {
    if (targets[i] < 0) continue;
    const __m512 sum = _mm512_add_ps(_mm512_loadu_ps(sums + i * 32),
                                     _mm512_loadu_ps(sums + i * 32 + TILE));
    const int64_t run = pixels.scale * pixels.channels;
    for (int64_t row = 0; row < pixels.scale; row++)
      _mm512_mask_storeu_ps(pixels.to + (targets[i] + row * pixels.width) * pixels.channels - row * run,
                            __mmask16((1u << run) - 1) << row * run, sum);
  }
}

// Copies `count` values, a multiple of 16; with a mask, zeros for those whose mask is zero.
AMX_KERNEL void copy_values(const uint16_t *from, const uint16_t *mask, int64_t count, uint16_t *to) {
  if (!mask) {
    std::memcpy(to, from, count * sizeof *to);
    return;
  }
  const __m256i digits = _mm256_set1_epi16(0x7fff);
  for (int64_t i = 0; i < count; i += TILE) {
    const __m256i kept = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(mask + i));
    const __m256i values = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from + i));
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(to + i),
                        _mm256_maskz_mov_epi16(_mm256_test_epi16_mask(kept, digits), values));
  }
}

AMX_KERNEL inline uint16_t rounded(float value) {
  const __m128bh bits = _mm_cvtneps_pbh(_mm_set_ss(value));
  uint16_t result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

// The number that is nearest to a value, and the one nearest to what that lacks.
AMX_KERNEL void split(float value, uint16_t parts[2]) {
  parts[0] = rounded(value);
  const uint32_t wide = uint32_t(parts[0]) << 16;
  float held;
  std::memcpy(&held, &wide, sizeof held);
  parts[1] = rounded(value - held);
}

// A tile of weights whose pairs of values lie side by side, each column `apart` values after the one
// before; pair d begins at `starts[d]`, or is zero at -1.
AMX_KERNEL void pack_rows(const uint16_t *from, const int64_t *starts, int64_t apart, uint16_t *to) {
  alignas(64) int32_t index[TILE];
  for (int64_t c = 0; c < TILE; c++) index[c] = int32_t(c * apart);
  const __m512i places = _mm512_loadu_si512(index);
  for (int64_t d = 0; d < DEPTH / 2; d++)
    _mm512_storeu_si512(to + d * DEPTH,
                        starts[d] < 0 ? _mm512_setzero_si512()
                                      : _mm512_i32gather_epi32(places, from + starts[d], 2));
}

// A tile of weights whose columns lie side by side; those of value d begin at `starts[d]`.
AMX_KERNEL void pack_columns(const uint16_t *from, const int64_t *starts, uint16_t *to) {
  const auto row = [&](int64_t d) __attribute__((target("avx512f,avx512bw,avx512vl"))) {
    return starts[d] < 0 ? _mm512_setzero_si512()
                         : _mm512_cvtepu16_epi32(_mm256_loadu_si256(
                               reinterpret_cast<const __m256i *>(from + starts[d])));
  };
  for (int64_t d = 0; d < DEPTH; d += 2)
    _mm512_storeu_si512(to + d / 2 * DEPTH,
                        _mm512_or_si512(row(d), _mm512_slli_epi32(row(d + 1), 16)));
}

// The products of all positions [0, positions), `channels` values apart, with all columns.
template <typename Output>
AMX_KERNEL void multiply(const uint16_t *from, int64_t channels, const int64_t *offsets,
                         int64_t count, const uint16_t *weights, int64_t positions,
                         const int64_t *targets, const Output &output) {
  alignas(64) float sums[2 * TILE * 32];
  for (int64_t column = 0; column < output.columns(); column += 2 * TILE) {
    const int64_t width = std::min(2 * TILE, output.columns() - column);
    const uint16_t *panel = weights + place(column / TILE, 0, count, output.columns());
    for (int64_t first = 0; first < positions; first += 2 * TILE) {
      const uint16_t *left = from + first * channels;
      const int64_t rows = std::min(2 * TILE, positions - first);
      if (rows > TILE && width > TILE)
        multiply_block<2, 2>(left, channels, offsets, count, panel, sums);
      else if (rows > TILE)
        multiply_block<2, 1>(left, channels, offsets, count, panel, sums);
      else if (width > TILE)
        multiply_block<1, 2>(left, channels, offsets, count, panel, sums);
      else
        multiply_block<1, 1>(left, channels, offsets, count, panel, sums);
      put(sums, targets + first, rows, column, width, output);
    }
  }
}

} // namespace
