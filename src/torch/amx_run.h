// The sums of a convolution over all positions and threads.
#pragma once
#include "amx_kernel.h"
#include "amx_layout.h"
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <atomic>

namespace {

// Bytes of pixels that a thread works on, beside weights, within its second-level cache.
constexpr int64_t CACHED = 768 << 10;

// Positions that are worth a pass through the weights.
constexpr int64_t SHORTEST = 256;

// A part of a convolution with weights of its own: the steps of its sums, each a tile's worth of
// products, and the weights that they meet.
struct Part {
  std::vector<Step> steps;
  // For each value of each step tap * depth + channel, or -1.
  std::vector<std::array<int64_t, DEPTH>> weights;
  Places places;
};

struct Scratch {
  std::vector<uint16_t> pixels;
  std::vector<int64_t> targets;
};

Scratch &scratch() {
  static thread_local Scratch own;
  return own;
}

// Sums the parts, whose weights lie one after the other, for all positions of `images`, on all
// threads. `lay` writes the rows [first, last) of every plane.
template <typename Output, typename Lay>
void run(const Layout &layout, int64_t images, const std::vector<Part> &parts,
         const uint16_t *weights, const Output &output, const Lay &lay) {
  const int64_t line = layout.line(), planes = layout.planes;
  const int64_t rows = images ? layout.rows(images) : 0, threads = at::get_num_threads();
  const int64_t around = layout.lead + layout.trail;
  const int64_t fitting =
      std::max<int64_t>(CACHED / (line * planes * int64_t(sizeof(uint16_t))) - around, 1);
  // Several bands for a thread, which takes the next one when it is done: threads differ in speed. A
  // short band would read the weights too often.
  const int64_t shares = std::clamp<int64_t>(rows * layout.pitch / (threads * SHORTEST), 1, 4);
  const int64_t least = std::max(over(std::max<int64_t>(rows, 1), fitting), shares * threads);
  const int64_t units = over(least, threads) * threads;
  const int64_t band = over(std::max<int64_t>(rows, 1), units);
  const int64_t plane = (band + around) * line;
  std::vector<std::vector<int64_t>> offsets;
  for (const Part &part : parts) {
    offsets.emplace_back();
    for (const Step &step : part.steps)
      offsets.back().push_back(step.plane * plane + (step.row + layout.lead) * line + step.offset);
  }
  // A tile may read what lies after the last row, for positions that are not kept.
  const int64_t beyond = (2 * TILE + 2) * layout.step() + around * line + DEPTH;
  std::atomic<int64_t> next = 0;
  at::parallel_for(0, threads, 1, [&](int64_t, int64_t) {
    Scratch &own = scratch();
    own.pixels.resize(std::max<size_t>(own.pixels.size(), planes * plane + beyond));
    own.targets.resize(std::max<size_t>(own.targets.size(), band * layout.pitch + 2 * TILE));
    std::memset(own.pixels.data() + planes * plane, 0, beyond * sizeof(uint16_t));
    configure_tiles();
    for (int64_t unit; (unit = next++) < units;) {
      const int64_t first = unit * band, last = std::min(rows, first + band);
      if (first >= last)
        break;
      lay(first - layout.lead, first + band + layout.trail, own.pixels.data());
      const uint16_t *at = weights;
      for (size_t part = 0; part < parts.size(); part++) {
        const int64_t count = offsets[part].size();
        aim(layout, parts[part].places, first, last, own.targets.data());
        multiply(own.pixels.data(), layout.step(), offsets[part].data(), count, at,
                 (last - first) * layout.pitch, own.targets.data(), output);
        at += count * output.columns() * DEPTH;
      }
    }
    release_tiles();
  });
}

at::Tensor half_of(const at::Tensor &like, at::IntArrayRef size) {
  return at::empty(size, like.options().dtype(at::kBFloat16), at::MemoryFormat::ChannelsLast);
}

const uint16_t *bits(const at::Tensor &tensor) {
  return tensor.defined() ? static_cast<const uint16_t *>(tensor.const_data_ptr()) : nullptr;
}

// Whether a kernel is square, keeps the size of images but for its stride, and fills whole tiles.
bool fits(const at::Tensor &weight, int64_t stride, int64_t padding) {
  return weight.size(2) == weight.size(3) && weight.size(2) % 2 == 1 &&
         padding == weight.size(2) / 2 && stride <= 2 && weight.size(0) % TILE == 0;
}

// Lays out the gradient of an output, `mask` as copy_values takes it; each row of the band itself is
// also written to `copy` where there is one.
void lay_values(const Layout &layout, int64_t images, const uint16_t *from, const uint16_t *mask,
                int64_t first, int64_t last, uint16_t *to, uint16_t *copy = nullptr) {
  const int64_t line = layout.width * layout.depth;
  fill(layout, images, layout.height, layout.width, first, last, to,
       [&](int64_t image, int64_t y, uint16_t *row) {
         const int64_t at = (image * layout.height + y) * line;
         copy_values(from + at, mask ? mask + at : nullptr, line, row);
         const int64_t own = image * layout.apart + y;
         if (copy && own >= first + layout.lead && own < last - layout.trail)
           std::memcpy(copy + at, row, line * sizeof *row);
       });
}

} // namespace
