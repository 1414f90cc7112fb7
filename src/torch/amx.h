// Convolutions of bf16 on CPUs with AMX: sums in f32, rounded once.
#pragma once
#include <ATen/core/Tensor.h>

namespace amx {

// A square convolution over NCHW tensors in channels-last order.
struct Shape {
  int64_t in, out, kernel, stride, padding;
};

// Whether this machine has tiles and the system lets this process use them.
bool available();

// Whether this machine and these tensors are served: x (N, C, H, W), weight (O, C, K, K).
bool serves(const at::Tensor &x, const at::Tensor &weight, int64_t stride, int64_t padding,
            int64_t groups);

// The weights that `convolve` takes; `backward` gives those that `input_gradient` takes.
at::Tensor pack(const at::Tensor &weight, const Shape &shape, bool backward);

// The convolution of x with packed weights; then, where given, + bias, + shortcut, and the
// rectifier. An image's result does not depend on the rest of its batch or on the number of threads.
at::Tensor convolve(const at::Tensor &x, const at::Tensor &packed, const Shape &shape,
                    const at::Tensor &bias, const at::Tensor &shortcut, bool relu);

// The gradient with respect to an input of `height` and `width`, given that with respect to the
// output, or, with a mask, to the output rectified: zero where `mask` is. Where given, `added` is
// summed to it, and `rectified` receives the gradient under its mask.
at::Tensor input_gradient(const at::Tensor &of_output, const at::Tensor &mask,
                          const at::Tensor &packed, const Shape &shape, int64_t height,
                          int64_t width, const at::Tensor &added, const at::Tensor &rectified);

// The gradient with respect to the weight (O, C, K, K) of a convolution of x that is served, given that
// with respect to its output. It does not depend on the number of threads.
at::Tensor weight_gradient(const at::Tensor &x, const at::Tensor &of_output, const Shape &shape);

// Whether these f32 weights are packed for the gradient in pixels.
bool packs_pixels(const at::Tensor &weight, int64_t stride, int64_t padding);

// Whether the gradient in f32 pixels (N, C, H, W) is served, where the values of their convolution are
// bf16.
bool serves_pixels(const at::Tensor &x, const at::Tensor &weight, int64_t stride, int64_t padding,
                   int64_t groups);

// The f32 weights as `pixel_gradient` takes them.
at::Tensor pack_pixels(const at::Tensor &weight, const Shape &shape);

// The gradient in f32 pixels, given that with respect to the output; `mask` as above. Weights count
// with 16 bits, where the gradient given has 8.
at::Tensor pixel_gradient(const at::Tensor &of_output, const at::Tensor &mask,
                          const at::Tensor &packed, const Shape &shape, int64_t height,
                          int64_t width);

} // namespace amx
