// 3x3 convolutions of stride 1 and padding 1 on the CPU in f32, by Winograd's F(2x2, 3x3).
#pragma once
#include <ATen/core/Tensor.h>

namespace winograd {

// Whether this machine and these tensors are served: x (N, C, H, W), weight (O, C, 3, 3).
bool serves(const at::Tensor &x, const at::Tensor &weight, int64_t stride, int64_t padding);

// The transformed weights that `convolve` takes; `flipped` gives those of the gradient with
// respect to the input, which is a convolution from O to C channels.
at::Tensor transform(const at::Tensor &weight, bool flipped);

// The convolution of x with transformed weights to `channels` channels, in channels-last order;
// then, where given, + bias, + shortcut, and the rectifier. An image's result does not depend on
// the rest of its batch or on the number of threads.
at::Tensor convolve(const at::Tensor &x, const at::Tensor &transformed, int64_t channels,
                    const at::Tensor &bias, const at::Tensor &shortcut, bool relu);

// The gradient with respect to the weight (O, C, 3, 3) of a convolution of x, given that with
// respect to its output. It does not depend on the number of threads.
at::Tensor weight_gradient(const at::Tensor &x, const at::Tensor &of_output);

} // namespace winograd
