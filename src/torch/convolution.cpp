// A convolution with what follows it in a residual network, as one differentiable operation.
#include "winograd.h"
#include "guarded.h"
#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/threshold_backward.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// What autograd does not track: the bias is a constant, since it comes from a folded BatchNorm and
// convolutions that are trained have none; the weights for the fast path may be undefined.
struct Settings {
  at::Tensor bias, transformed, flipped;
  int64_t stride, padding, groups;
  bool relu;
};

// relu?(conv(x, weight) + bias + shortcut), differentiable in x, weight and shortcut.
struct Convolution : torch::autograd::Function<Convolution> {
  static Variable forward(AutogradContext *ctx, const Variable &x, const Variable &weight,
                          const std::optional<Variable> &shortcut, const Settings &settings) {
    const auto &[bias, transformed, flipped, stride, padding, groups, relu] = settings;
    Variable out;
    if (winograd::serves(x, weight, stride, padding)) {
      const auto points = transformed.defined() ? transformed : winograd::transform(weight, false);
      out = winograd::convolve(x, points, weight.size(0), bias, shortcut.value_or(Variable()),
                               relu);
    } else {
      out = at::convolution(x, weight, bias.defined() ? std::optional(bias) : std::nullopt,
                            {stride, stride}, {padding, padding}, {1, 1}, false, {0, 0}, groups);
      if (shortcut)
        out.add_(*shortcut);
      if (relu)
        out.relu_();
    }
    ctx->save_for_backward({x, weight, relu ? out : Variable(), flipped});
    ctx->saved_data["stride"] = stride;
    ctx->saved_data["padding"] = padding;
    ctx->saved_data["groups"] = groups;
    ctx->saved_data["shortcut"] = shortcut.has_value();
    return out;
  }

  static variable_list backward(AutogradContext *ctx, variable_list gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &out = saved[2], &flipped = saved[3];
    const int64_t stride = ctx->saved_data["stride"].toInt();
    const int64_t padding = ctx->saved_data["padding"].toInt();
    const int64_t groups = ctx->saved_data["groups"].toInt();
    Variable gradient = gradients[0];
    if (out.defined())
      gradient = at::threshold_backward(gradient, out, 0);
    const bool to_x = ctx->needs_input_grad(0), to_weight = ctx->needs_input_grad(1);
    // A gradient of the gradient goes through libtorch's own formulas.
    const bool fast = !at::GradMode::is_enabled() && winograd::serves(x, weight, stride, padding);
    // A tap that few pixels reach may have a gradient of zero, of which AdamW makes no step; of a
    // rounding error it makes a whole one. So few pixels are summed one by one.
    const bool fast_to_weight = fast && to_weight && std::min(x.size(2), x.size(3)) >= 4 &&
                                x.numel() / x.size(1) >= 1024;
    variable_list result(4);
    if (fast && to_x) {
      const auto points = flipped.defined() ? flipped : winograd::transform(weight, true);
      result[0] = winograd::convolve(gradient, points, weight.size(1), {}, {}, false);
    }
    if (fast_to_weight)
      result[1] = winograd::weight_gradient(x, gradient);
    if ((to_x && !fast) || (to_weight && !fast_to_weight)) {
      auto [of_x, of_weight, of_bias] = at::convolution_backward(
          gradient, x, weight, std::nullopt, {stride, stride}, {padding, padding}, {1, 1}, false,
          {0, 0}, groups, {to_x && !fast, to_weight && !fast_to_weight, false});
      if (of_x.defined())
        result[0] = of_x;
      if (of_weight.defined())
        result[1] = of_weight;
    }
    // Without a shortcut there is no third edge to ask about.
    if (ctx->saved_data["shortcut"].toBool() && ctx->needs_input_grad(2))
      result[2] = gradient;
    return result;
  }
};

at::Tensor given(const at::Tensor *tensor) { return tensor ? *tensor : at::Tensor(); }

} // namespace

extern "C" {
char *rt_convolution(const at::Tensor *x, const at::Tensor *weight, const at::Tensor *shortcut,
                     const at::Tensor *bias, const at::Tensor *transformed,
                     const at::Tensor *flipped, int64_t stride, int64_t padding, int64_t groups, bool relu,
                     at::Tensor **out) {
  return guarded([&] {
    const Settings settings{given(bias), given(transformed), given(flipped), stride, padding, groups,
                            relu};
    const auto added = shortcut ? std::optional(*shortcut) : std::nullopt;
    *out = new at::Tensor(Convolution::apply(*x, *weight, added, settings));
  });
}

// The weights of `rt_convolution` as its fast path wants them, or undefined where it has none.
char *rt_transform(const at::Tensor *weight, int64_t stride, int64_t padding, bool flipped,
                   at::Tensor **out) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    *out = nullptr;
    if (winograd::serves(*weight, *weight, stride, padding))
      *out = new at::Tensor(winograd::transform(*weight, flipped));
  });
}
}
