// A convolution is a sum of matrix products, one for each tap of the kernel and 32 channels: rows
// are pixels, shifted by the tap. Images are laid out below each other with zeros between them, so
// that a shift is a constant distance in memory and 16 rows of a tile may lie in two rows of pixels.
// A stride of 2 first takes the pixels apart into those of even and of odd rows and columns; its
// gradient is computed for these four kinds of pixels one after the other.
#include "amx.h"
#include <ATen/ops/empty.h>

#if defined(__x86_64__) && defined(__linux__)

#include "amx_run.h"
#include <sys/syscall.h>
#include <unistd.h>

namespace {

// Adds the steps of a run of taps that lie side by side, from `offset` on.
void add_run(Part &part, const Shape &shape, const Tap &vertical, const std::vector<Tap> &across,
             int64_t depth, Step step) {
  const int64_t length = across.size() * depth;
  for (int64_t start = 0; start < length; start += DEPTH) {
    std::array<int64_t, DEPTH> weights;
    for (int64_t k = 0; k < DEPTH; k++) {
      const int64_t at = start + k;
      weights[k] = at < length ? (vertical.tap * shape.kernel + across[at / depth].tap) * depth +
                                     at % depth
                               : -1;
    }
    part.steps.push_back(step);
    part.weights.push_back(weights);
    step.offset += DEPTH;
  }
}

std::vector<Part> forward_parts(const Shape &shape, int64_t height, int64_t width) {
  Part part{{}, {}, {height, width, 1, 0, 0}};
  std::vector<Tap> across;
  for (int64_t tap = 0; tap < shape.kernel; tap++)
    across.push_back({tap, tap});
  for (int64_t plane = 0; plane < shape.stride; plane++)
    for (const Tap &vertical : forward_taps(shape, plane))
      add_run(part, shape, vertical, across, shape.in, {plane, vertical.shift, 0});
  return {part};
}

std::vector<Part> backward_parts(const Shape &shape, const Layout &layout, int64_t height,
                                 int64_t width) {
  std::vector<Part> parts;
  for (int64_t i = 0; i < shape.stride; i++)
    for (int64_t j = 0; j < shape.stride; j++) {
      Part part{{}, {}, {height, width, shape.stride, i, j}};
      const auto across = backward_taps(shape, j);
      for (const Tap &vertical : backward_taps(shape, i))
        if (!across.empty())
          add_run(part, shape, vertical, across, shape.out,
                  {0, vertical.shift, (across[0].shift + layout.left) * shape.out});
      parts.push_back(std::move(part));
    }
  return parts;
}

// Whether the system lets this process use tiles; Linux wants to be asked.
bool permitted() {
  constexpr long REQUEST = 0x1023, TILES = 18;
  return syscall(SYS_arch_prctl, REQUEST, TILES) == 0;
}

} // namespace

namespace amx {

bool available() {
  static const bool known = has_instructions() && permitted();
  return known;
}

bool serves(const at::Tensor &x, const at::Tensor &weight, int64_t stride, int64_t padding,
            int64_t groups) {
  return available() && groups == 1 && x.is_cpu() && x.dim() == 4 &&
         x.scalar_type() == at::kBFloat16 && weight.scalar_type() == at::kBFloat16 &&
         fits(weight, stride, padding) && weight.size(1) % TILE == 0 && x.size(1) == weight.size(1);
}

at::Tensor pack(const at::Tensor &weight, const Shape &shape, bool backward) {
  const at::Tensor stored = weight.contiguous(at::MemoryFormat::ChannelsLast);
  const uint16_t *from = bits(stored);
  const int64_t columns = backward ? shape.in : shape.out;
  const int64_t depth = backward ? shape.out : shape.in;
  const int64_t filter = shape.kernel * shape.kernel * shape.in;
  // What is packed does not depend on the size of images.
  const auto parts = backward ? backward_parts(shape, backward_layout(shape, 1, 1), 1, 1)
                              : forward_parts(shape, 1, 1);
  int64_t length = 0;
  for (const Part &part : parts)
    length += part.steps.size() * columns * DEPTH;
  at::Tensor result = at::empty({length}, weight.options());
  auto *to = static_cast<uint16_t *>(result.data_ptr());
  for (const Part &part : parts) {
    const int64_t count = part.steps.size();
    at::parallel_for(0, columns / TILE, 1, [&](int64_t begin, int64_t end) {
      for (int64_t tile = begin; tile < end; tile++)
        for (int64_t k = 0; k < count; k++) {
          uint16_t *into = to + place(tile, k, count, columns);
          int64_t starts[DEPTH];
          if (backward) {
            for (int64_t d = 0; d < DEPTH; d++) {
              const int64_t w = part.weights[k][d];
              starts[d] = w < 0 ? -1 : w % depth * filter + w / depth * shape.in + tile * TILE;
            }
            pack_columns(from, starts, into);
          } else {
            for (int64_t d = 0; d < DEPTH / 2; d++) {
              const int64_t w = part.weights[k][2 * d];
              starts[d] = w < 0 ? -1 : tile * TILE * filter + w;
            }
            pack_rows(from, starts, filter, into);
          }
        }
    });
    to += count * columns * DEPTH;
  }
  return result;
}

at::Tensor convolve(const at::Tensor &input, const at::Tensor &packed, const Shape &shape,
                    const at::Tensor &bias, const at::Tensor &shortcut, bool relu) {
  const auto format = at::MemoryFormat::ChannelsLast;
  const at::Tensor x = input.contiguous(format);
  const at::Tensor added = shortcut.defined() ? shortcut.contiguous(format) : shortcut;
  const at::Tensor constant = bias.defined() ? bias.to(at::kFloat).contiguous() : bias;
  const int64_t height = x.size(2), width = x.size(3), line = width * shape.in;
  const auto laid = forward_layout(shape, shape.in, height, width);
  at::Tensor result = half_of(x, {x.size(0), shape.out, laid.height, laid.width});
  const Values values{static_cast<uint16_t *>(result.data_ptr()),
                      constant.defined() ? constant.const_data_ptr<float>() : nullptr,
                      bits(added), relu, shape.out};
  const uint16_t *from = bits(x);
  run(laid, x.size(0), forward_parts(shape, laid.height, laid.width), bits(packed), values,
      [&](int64_t first, int64_t last, uint16_t *to) {
        fill(laid, x.size(0), height, width, first, last, to,
             [&](int64_t image, int64_t y, uint16_t *row) {
               copy_values(from + (image * height + y) * line, nullptr, line, row);
             });
      });
  return result;
}

at::Tensor input_gradient(const at::Tensor &of_output, const at::Tensor &mask,
                          const at::Tensor &packed, const Shape &shape, int64_t height,
                          int64_t width, const at::Tensor &added, const at::Tensor &rectified) {
  const auto format = at::MemoryFormat::ChannelsLast;
  const auto laid_out = [&](const at::Tensor &tensor) {
    return tensor.defined() ? tensor.contiguous(format) : tensor;
  };
  const at::Tensor gradient = of_output.contiguous(format), kept = laid_out(mask);
  const at::Tensor summand = laid_out(added);
  const int64_t images = gradient.size(0);
  const auto laid = backward_layout(shape, height, width);
  at::Tensor result = half_of(gradient, {images, shape.in, height, width});
  auto *copy = rectified.defined() ? static_cast<uint16_t *>(rectified.data_ptr()) : nullptr;
  const Values values{static_cast<uint16_t *>(result.data_ptr()), nullptr, bits(summand), false,
                      shape.in};
  run(laid, images, backward_parts(shape, laid, height, width), bits(packed), values,
      [&](int64_t first, int64_t last, uint16_t *to) {
        lay_values(laid, images, bits(gradient), bits(kept), first, last, to, copy);
      });
  return result;
}

} // namespace amx

#else

namespace amx {

bool available() { return false; }
bool serves(const at::Tensor &, const at::Tensor &, int64_t, int64_t, int64_t) { return false; }
at::Tensor pack(const at::Tensor &weight, const Shape &, bool) { return weight; }
at::Tensor convolve(const at::Tensor &x, const at::Tensor &, const Shape &, const at::Tensor &,
                    const at::Tensor &, bool) {
  return x;
}
at::Tensor input_gradient(const at::Tensor &x, const at::Tensor &, const at::Tensor &,
                          const Shape &, int64_t, int64_t, const at::Tensor &,
                          const at::Tensor &) {
  return x;
}

} // namespace amx

#endif
