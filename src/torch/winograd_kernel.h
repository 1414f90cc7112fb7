// The arithmetic of Winograd's algorithm for one kind of processor. winograd.cpp includes this file
// once for each, in a namespace of its own, after it defined TARGET, the instructions; LANES, the
// floats of a register; WIDEST, the registers of a panel, of which ROWS rows of sums are held; and
// BLOCK, the tiles of a block.

#define KERNEL __attribute__((target(TARGET), always_inline)) inline
#define KERNEL_ENTRY __attribute__((target(TARGET)))
#define UNROLL _Pragma("GCC unroll 8")
using Lanes = float __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

KERNEL Lanes load(const float *from) { return *reinterpret_cast<const Lanes *>(from); }
KERNEL void store(float *to, Lanes value) { *reinterpret_cast<Lanes *>(to) = value; }

// Columns are kept in panels of WIDEST registers, then of half as many and so on, each panel
// contiguous: the panel that starts at column o starts at o * rows.
KERNEL_ENTRY int64_t panel_width(int64_t columns) {
  int64_t width = WIDEST * LANES;
  while (width > columns) width /= 2;
  return width;
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
      if (width == WIDEST * LANES)
        multiply<WIDEST>(l, panel, p, in, out);
      else if (width == 2 * LANES)
        multiply<2>(l, panel, p, in, out);
      else
        multiply<1>(l, panel, p, in, out);
    }
  }
}

// B' d B of the 4x4 tile whose corner is (top, left), zero outside the image, for `count` channels.
KERNEL_ENTRY void read_tile(const Pixels &image, int64_t count, int64_t top, int64_t left,
                            float *out, int64_t stride) {
  const auto [pixels, height, width, channels] = image;
  for (int64_t c = 0; c < count; c += LANES) {
    Lanes d[4][4], t[4][4];
    UNROLL for (int i = 0; i < 4; i++) {
      UNROLL for (int j = 0; j < 4; j++) {
        const int64_t y = top + i, x = left + j;
        const bool inside = y >= 0 && y < height && x >= 0 && x < width;
        d[i][j] = inside ? load(pixels + (y * width + x) * channels + c) : Lanes{};
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

// A d A' of the 2x2 tile at (top, left), zero outside the image, for `count` channels: what
// `write_tile` sends back.
KERNEL_ENTRY void spread_tile(const Pixels &image, int64_t count, int64_t top, int64_t left,
                              float *out, int64_t stride) {
  const auto [pixels, height, width, channels] = image;
  for (int64_t c = 0; c < count; c += LANES) {
    Lanes d[2][2], t[4][2];
    UNROLL for (int i = 0; i < 2; i++) {
      UNROLL for (int j = 0; j < 2; j++) {
        const int64_t y = top + i, x = left + j;
        const bool inside = y < height && x < width;
        d[i][j] = inside ? load(pixels + (y * width + x) * channels + c) : Lanes{};
      }
    }
    UNROLL for (int j = 0; j < 2; j++) {
      t[0][j] = d[0][j];
      t[1][j] = d[0][j] + d[1][j];
      t[2][j] = d[0][j] - d[1][j];
      t[3][j] = -d[1][j];
    }
    UNROLL for (int i = 0; i < 4; i++) {
      store(out + (4 * i + 0) * stride + c, t[i][0]);
      store(out + (4 * i + 1) * stride + c, t[i][0] + t[i][1]);
      store(out + (4 * i + 2) * stride + c, t[i][0] - t[i][1]);
      store(out + (4 * i + 3) * stride + c, -t[i][1]);
    }
  }
}

// HEIGHT rows of `sum` (stride `in`), from zero or from what is there: the sums over tiles of a
// column of `left` (CHANNELS wide) times a row of the panel `right`.
template <int HEIGHT, int WIDTH>
KERNEL void correlate(const float *left, const float *right, float *to, int64_t tiles, int64_t in,
                      bool first) {
  Lanes sum[HEIGHT][WIDTH];
  UNROLL for (int r = 0; r < HEIGHT; r++) {
    UNROLL for (int w = 0; w < WIDTH; w++) sum[r][w] = first ? Lanes{} : load(to + r * in + w * LANES);
  }
  _Pragma("GCC unroll 1") for (int64_t t = 0; t < tiles; t++) {
    Lanes row[WIDTH];
    UNROLL for (int w = 0; w < WIDTH; w++) row[w] = load(right + (t * WIDTH + w) * LANES);
    UNROLL for (int r = 0; r < HEIGHT; r++) {
      UNROLL for (int w = 0; w < WIDTH; w++) sum[r][w] += row[w] * left[t * CHANNELS + r];
    }
  }
  UNROLL for (int r = 0; r < HEIGHT; r++) {
    UNROLL for (int w = 0; w < WIDTH; w++) store(to + r * in + w * LANES, sum[r][w]);
  }
}

// The same for CHANNELS rows and all panels.
KERNEL_ENTRY void correlate_all(const float *left, const float *right, float *sum, int64_t tiles,
                                int64_t in, bool first) {
  constexpr int HEIGHT = 4;
  for (int64_t c = 0, width; c < in; c += width) {
    width = panel_width(in - c);
    for (int64_t r = 0; r < CHANNELS; r += HEIGHT) {
      const float *panel = right + c * tiles;
      float *to = sum + r * in + c;
      if (width == WIDEST * LANES)
        correlate<HEIGHT, WIDEST>(left + r, panel, to, tiles, in, first);
      else if (width == 2 * LANES)
        correlate<HEIGHT, 2>(left + r, panel, to, tiles, in, first);
      else
        correlate<HEIGHT, 1>(left + r, panel, to, tiles, in, first);
    }
  }
}

// G' u G of one output channel, for all its `in` inputs: the 9 taps, each `in` long.
KERNEL_ENTRY void gather_taps(const float *u, int64_t stride, int64_t in, float *taps) {
  for (int64_t c = 0; c < in; c += LANES) {
    Lanes t[3][4];
    UNROLL for (int j = 0; j < 4; j++) {
      const Lanes u0 = load(u + j * stride + c), u1 = load(u + (4 + j) * stride + c);
      const Lanes u2 = load(u + (8 + j) * stride + c), u3 = load(u + (12 + j) * stride + c);
      const Lanes half = (u1 + u2) * 0.5f;
      t[0][j] = u0 + half;
      t[1][j] = (u1 - u2) * 0.5f;
      t[2][j] = half + u3;
    }
    UNROLL for (int i = 0; i < 3; i++) {
      const Lanes half = (t[i][1] + t[i][2]) * 0.5f;
      store(taps + (3 * i + 0) * in + c, t[i][0] + half);
      store(taps + (3 * i + 1) * in + c, (t[i][1] - t[i][2]) * 0.5f);
      store(taps + (3 * i + 2) * in + c, half + t[i][3]);
    }
  }
}

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

// G g G' for LANES output channels: g(k) gives the k-th of the 9 taps.
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

// All input channels of the LANES output channels that start at o. The weight is stored output, row,
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

constexpr Kernels KERNELS{LANES,      BLOCK,       panel_width,   multiply_all, read_tile,
                          write_tile, spread_tile, correlate_all, gather_taps,  transform_block};

#undef KERNEL
#undef KERNEL_ENTRY
#undef UNROLL
#undef TARGET
#undef LANES
#undef WIDEST
#undef BLOCK
