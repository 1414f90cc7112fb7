// A convolution with what follows it in a residual network, as one differentiable operation.
#include "amx.h"
#include "guarded.h"
#include "stem.h"
#include "winograd.h"
#include <ATen/ops/add.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty_like.h>
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
  bool relu, rounded, passes;
};

amx::Shape shape_of(const at::Tensor &weight, int64_t stride, int64_t padding) {
  return {weight.size(1), weight.size(0), weight.size(2), stride, padding};
}

// relu?(conv(x, weight) + bias + shortcut), rounded to bf16 if asked, and, if it `passes`, x for those
// who read it next: what they send back is then summed with the convolution's own gradient.
// Differentiable in x, weight and shortcut.
struct Convolution : torch::autograd::Function<Convolution> {
  static variable_list forward(AutogradContext *ctx, const Variable &x, const Variable &weight,
                               const std::optional<Variable> &shortcut, const Settings &settings) {
    const auto &[bias, transformed, flipped, stride, padding, groups, relu, rounded, passes] =
        settings;
    Variable out;
    if (winograd::serves(x, weight, stride, padding)) {
      const auto points = transformed.defined() ? transformed : winograd::transform(weight, false);
      out = winograd::convolve(x, points, weight.size(0), bias, shortcut.value_or(Variable()),
                               relu);
    } else if (amx::serves(x, weight, stride, padding, groups)) {
      const auto shape = shape_of(weight, stride, padding);
      const auto packed = transformed.defined() ? transformed : amx::pack(weight, shape, false);
      out = amx::convolve(x, packed, shape, bias, shortcut.value_or(Variable()), relu);
    } else if (!shortcut && stem::serves(x, weight, groups)) {
      out = stem::convolve(x, weight, bias, stride, padding, relu, rounded);
    } else {
      out = at::convolution(x, weight, bias.defined() ? std::optional(bias) : std::nullopt,
                            {stride, stride}, {padding, padding}, {1, 1}, false, {0, 0}, groups);
      if (shortcut)
        out.add_(*shortcut);
      if (relu)
        out.relu_();
    }
    if (rounded && out.scalar_type() != at::kBFloat16)
      out = out.to(at::kBFloat16);
    ctx->set_materialize_grads(false);
    ctx->save_for_backward({x, weight, relu ? out : Variable(), flipped});
    ctx->saved_data["stride"] = stride;
    ctx->saved_data["padding"] = padding;
    ctx->saved_data["groups"] = groups;
    ctx->saved_data["rounded"] = rounded;
    ctx->saved_data["shortcut"] = shortcut.has_value();
    return passes ? variable_list{out, x} : variable_list{out};
  }

  static variable_list backward(AutogradContext *ctx, variable_list gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &out = saved[2], &flipped = saved[3];
    const int64_t stride = ctx->saved_data["stride"].toInt();
    const int64_t padding = ctx->saved_data["padding"].toInt();
    const int64_t groups = ctx->saved_data["groups"].toInt();
    const bool rounded = ctx->saved_data["rounded"].toBool();
    const bool to_x = ctx->needs_input_grad(0), to_weight = ctx->needs_input_grad(1);
    // Without a shortcut there is no third edge to ask about.
    const bool to_shortcut = ctx->saved_data["shortcut"].toBool() && ctx->needs_input_grad(2);
    // A gradient of the gradient goes through libtorch's own formulas.
    const bool first_order = !at::GradMode::is_enabled();
    const bool fast = first_order && winograd::serves(x, weight, stride, padding);
    const bool tiled = first_order && amx::serves(x, weight, stride, padding, groups);
    const bool pixels =
        first_order && rounded && amx::serves_pixels(x, weight, stride, padding, groups);
    // What goes to no weight is rectified on its way.
    const bool masked = (tiled || pixels) && !to_weight && (!to_shortcut || (tiled && to_x));
    Variable gradient = gradients[0];
    // What later readers of x send back.
    const Variable passed = gradients.size() > 1 ? gradients[1] : Variable();
    if (!gradient.defined())
      return {passed, {}, {}, {}};
    if (out.defined() && !masked)
      gradient = at::threshold_backward(gradient, out, 0);
    const Variable mask = masked ? out : Variable();
    // Rectified for the shortcut too, by the way.
    const Variable rectified =
        masked && out.defined() && to_shortcut ? at::empty_like(out) : Variable();
    // A tap that few pixels reach may have a gradient of zero, of which AdamW makes no step; of a
    // rounding error it makes a whole one. So few pixels are summed one by one.
    const bool fast_to_weight = fast && to_weight && std::min(x.size(2), x.size(3)) >= 4 &&
                                x.numel() / x.size(1) >= 1024;
    variable_list result(4);
    if (fast && to_x) {
      const auto points = flipped.defined() ? flipped : winograd::transform(weight, true);
      result[0] = winograd::convolve(gradient, points, weight.size(1), {}, passed, false);
    }
    if (tiled && to_x) {
      const auto shape = shape_of(weight, stride, padding);
      const auto packed = flipped.defined() ? flipped : amx::pack(weight, shape, true);
      result[0] = amx::input_gradient(gradient, mask, packed, shape, x.size(2), x.size(3),
                                      passed, rectified);
    }
    if (pixels && to_x) {
      const auto shape = shape_of(weight, stride, padding);
      const auto packed = flipped.defined() ? flipped : amx::pack_pixels(weight, shape);
      result[0] = amx::pixel_gradient(gradient, mask, packed, shape, x.size(2), x.size(3));
    }
    if (fast_to_weight)
      result[1] = winograd::weight_gradient(x, gradient);
    if (tiled && to_weight)
      result[1] = amx::weight_gradient(x, gradient, shape_of(weight, stride, padding));
    const bool slow_to_x = to_x && !fast && !tiled && !pixels;
    const bool slow_to_weight = to_weight && !fast_to_weight && !tiled;
    if (slow_to_x || slow_to_weight) {
      auto [of_x, of_weight, of_bias] = at::convolution_backward(
          gradient.to(x.scalar_type()), x, weight, std::nullopt, {stride, stride}, {padding, padding}, {1, 1}, false,
          {0, 0}, groups, {slow_to_x, slow_to_weight, false});
      if (of_x.defined())
        result[0] = of_x;
      if (of_weight.defined())
        result[1] = of_weight;
    }
    if (passed.defined() && to_x && !fast && !tiled)
      result[0] = at::add(result[0], passed);
    if (to_shortcut)
      result[2] = rectified.defined() ? rectified : gradient;
    return result;
  }
};

at::Tensor given(const at::Tensor *tensor) { return tensor ? *tensor : at::Tensor(); }

} // namespace

extern "C" {
char *rt_convolution(const at::Tensor *x, const at::Tensor *weight, const at::Tensor *shortcut,
                     const at::Tensor *bias, const at::Tensor *transformed,
                     const at::Tensor *flipped, int64_t stride, int64_t padding, int64_t groups,
                     bool relu, bool rounded, at::Tensor **out, at::Tensor **passed) {
  return guarded([&] {
    const Settings settings{given(bias), given(transformed), given(flipped), stride, padding, groups,
                            relu,        rounded,     passed != nullptr};
    const auto added = shortcut ? std::optional(*shortcut) : std::nullopt;
    auto results = Convolution::apply(*x, *weight, added, settings);
    *out = new at::Tensor(std::move(results[0]));
    if (passed)
      *passed = new at::Tensor(std::move(results[1]));
  });
}

// The weights of `rt_convolution` as its fast path wants them, or undefined where it has none.
char *rt_transform(const at::Tensor *weight, int64_t stride, int64_t padding, bool flipped,
                   bool rounded, at::Tensor **out) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    *out = nullptr;
    if (winograd::serves(*weight, *weight, stride, padding))
      *out = new at::Tensor(winograd::transform(*weight, flipped));
    else if (amx::serves(*weight, *weight, stride, padding, 1))
      *out = new at::Tensor(amx::pack(*weight, shape_of(*weight, stride, padding), flipped));
    else if (rounded && flipped && amx::packs_pixels(*weight, stride, padding))
      *out = new at::Tensor(amx::pack_pixels(*weight, shape_of(*weight, stride, padding)));
  });
}
}
