// The first convolution of a network: f32 pixels of few channels, on CPUs with AVX-512.
#pragma once
#include <ATen/core/Tensor.h>

namespace stem {

// Whether this machine and these tensors are served: x (N, C, H, W), weight (O, C, K, K).
bool serves(const at::Tensor &x, const at::Tensor &weight, int64_t groups);

// The convolution of x, + bias where given, rectified if asked, in channels-last order; of bf16 if
// `rounded`, else of f32. An image's result does not depend on the rest of its batch or on the number
// of threads.
at::Tensor convolve(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias,
                    int64_t stride, int64_t padding, bool relu, bool rounded);

} // namespace stem
