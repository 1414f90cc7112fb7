// The gradient in the pixels of a network of bf16. Pixels and weights of its first convolution are f32;
// the weights are taken apart into sums of two numbers of 8 bits, with columns of their own.
#include "amx.h"
#include <ATen/ops/empty.h>

#if defined(__x86_64__) && defined(__linux__)

#include "amx_run.h"

namespace {

// The tap by which an output `shift` positions on reaches inputs of residue `plane`, or -1.
int64_t tap_at(const Shape &shape, int64_t plane, int64_t shift) {
  for (const Tap &tap : backward_taps(shape, plane))
    if (tap.shift == shift)
      return tap.tap;
  return -1;
}

// The sums for the pixels of all residues at once: `weights` are row * taps + column of the shifts,
// times the channels of the output.
Part backward_part(const Shape &shape, const Layout &layout, int64_t height, int64_t width) {
  Part part{{}, {}, {height, width, shape.stride, 0, 0}};
  const int64_t shifts = layout.lead + layout.trail + 1, run = shifts * shape.out;
  for (int64_t row = 0; row < shifts; row++)
    for (int64_t start = 0; start < run; start += DEPTH) {
      std::array<int64_t, DEPTH> weights;
      for (int64_t d = 0; d < DEPTH; d++)
        weights[d] = start + d < run ? row * run + start + d : -1;
      part.steps.push_back({0, row - layout.lead, start});
      part.weights.push_back(weights);
    }
  return part;
}

} // namespace

namespace amx {

bool packs_pixels(const at::Tensor &weight, int64_t stride, int64_t padding) {
  // A tile has a column for each channel of the pixels of a position.
  return available() && weight.is_cpu() && weight.scalar_type() == at::kFloat &&
         fits(weight, stride, padding) && stride * stride * weight.size(1) <= TILE;
}

bool serves_pixels(const at::Tensor &x, const at::Tensor &weight, int64_t stride, int64_t padding,
                   int64_t groups) {
  return packs_pixels(weight, stride, padding) && groups == 1 && x.is_cpu() && x.dim() == 4 &&
         x.scalar_type() == at::kFloat && x.size(1) == weight.size(1) &&
         x.size(2) % stride == 0 && x.size(3) % stride == 0;
}

at::Tensor pack_pixels(const at::Tensor &weight, const Shape &shape) {
  const at::Tensor stored = weight.contiguous(at::MemoryFormat::ChannelsLast);
  const auto *from = stored.const_data_ptr<float>();
  const int64_t taps = shape.kernel * shape.kernel, filter = taps * shape.in;
  std::vector<uint16_t> parts(shape.out * filter * 2);
  for (int64_t i = 0; i < shape.out * filter; i++)
    split(from[i], &parts[i * 2]);
  const Layout layout = backward_layout(shape, shape.stride, shape.stride);
  const Part part = backward_part(shape, layout, 1, 1);
  const int64_t count = part.steps.size(), columns = 2 * TILE;
  const int64_t shifts = layout.lead + layout.trail + 1;
  at::Tensor result = at::empty({count * columns * DEPTH}, weight.options().dtype(at::kBFloat16));
  auto *to = static_cast<uint16_t *>(result.data_ptr());
  // Of channel `c` of the residue (i, j) by the stride, or of nothing.
  const auto value = [&](int64_t w, int64_t column) -> uint16_t {
    const int64_t kind = column % TILE / shape.in, c = column % TILE % shape.in;
    if (kind >= shape.stride * shape.stride)
      return 0;
    const int64_t row = w / (shifts * shape.out), across = w / shape.out % shifts;
    const int64_t v = tap_at(shape, kind / shape.stride, row - layout.lead);
    const int64_t h = tap_at(shape, kind % shape.stride, across - layout.lead);
    if (v < 0 || h < 0)
      return 0;
    const int64_t at = w % shape.out * filter + (v * shape.kernel + h) * shape.in + c;
    return parts[at * 2 + column / TILE];
  };
  for (int64_t column = 0; column < columns; column++)
    for (int64_t k = 0; k < count; k++) {
      uint16_t *into = to + place(column / TILE, k, count, columns) + column % TILE * 2;
      for (int64_t d = 0; d < DEPTH; d++) {
        const int64_t w = part.weights[k][d];
        into[d / 2 * DEPTH + d % 2] = w < 0 ? 0 : value(w, column);
      }
    }
  return result;
}

at::Tensor pixel_gradient(const at::Tensor &of_output, const at::Tensor &mask,
                          const at::Tensor &packed, const Shape &shape, int64_t height,
                          int64_t width) {
  const auto format = at::MemoryFormat::ChannelsLast;
  const at::Tensor gradient = of_output.contiguous(format);
  const at::Tensor kept = mask.defined() ? mask.contiguous(format) : mask;
  const int64_t images = gradient.size(0);
  const auto laid = backward_layout(shape, height, width);
  at::Tensor result = at::empty({images, shape.in, height, width},
                                gradient.options().dtype(at::kFloat), format);
  const Pixels pixels{result.data_ptr<float>(), shape.in, shape.stride, width};
  run(laid, images, {backward_part(shape, laid, height, width)}, bits(packed), pixels,
      [&](int64_t first, int64_t last, uint16_t *to) {
        lay_values(laid, images, bits(gradient), bits(kept), first, last, to);
      });
  return result;
}

} // namespace amx

#else

namespace amx {

bool packs_pixels(const at::Tensor &, int64_t, int64_t) { return false; }
bool serves_pixels(const at::Tensor &, const at::Tensor &, int64_t, int64_t, int64_t) {
  return false;
}
at::Tensor pack_pixels(const at::Tensor &weight, const Shape &) { return weight; }
at::Tensor pixel_gradient(const at::Tensor &x, const at::Tensor &, const at::Tensor &,
                          const Shape &, int64_t, int64_t) {
  return x;
}

} // namespace amx

#endif
