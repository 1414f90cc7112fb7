// Batch normalisation by the statistics of the batch, with the shortcut and the rectifier that follow
// it, to bf16 in channels-last order on CPUs with AVX-512. Values are read twice on the way forward and
// twice on the way back, and what lies between is never stored.
#include "avx512.h"
#include "guarded.h"
#include <ATen/Parallel.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/native_batch_norm_backward.h>
#include <ATen/ops/threshold_backward.h>
#include <algorithm>
#include <c10/core/GradMode.h>
#include <cmath>
#include <torch/csrc/autograd/custom_function.h>
#include <vector>

namespace {

// What autograd does not track.
struct Settings {
  at::Tensor running_mean, running_variance;
  double momentum, eps;
  bool relu;
};

} // namespace

#if defined(__x86_64__) && defined(__linux__)

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr auto LAST = at::MemoryFormat::ChannelsLast;
AVX512_KERNEL inline __m512 load(const float *from) { return _mm512_loadu_ps(from); }
AVX512_KERNEL inline __m512 load(const uint16_t *from) { return widened(from); }
AVX512_KERNEL inline void store(float *to, __m512 values) { _mm512_storeu_ps(to, values); }
AVX512_KERNEL inline void store(uint16_t *to, __m512 values) { round_to(to, values); }

template <typename T> AVX512_KERNEL void copy_pixel(const T *from, int64_t channels, float *to) {
  for (int64_t c = 0; c < channels; c += LANES)
    store(to + c, load(from + c));
}

// Pixels from `begin` to `end` of values with so many channels.
struct Pixels {
  int64_t channels, begin, end;
};

// Sums over the pixels of x - shift and of its square, for G registers of channels from c on.
template <int G, typename T>
AVX512_KERNEL void moments(const Pixels &p, int64_t c, const T *x, const float *shift, float *sums,
                           float *squares) {
  __m512 sum[G] = {}, square[G] = {};
  for (int64_t pixel = p.begin; pixel < p.end; pixel++)
    for (int g = 0; g < G; g++) {
      const int64_t channel = c + g * LANES;
      const __m512 off = _mm512_sub_ps(load(x + pixel * p.channels + channel), load(shift + channel));
      sum[g] = _mm512_add_ps(sum[g], off);
      square[g] = _mm512_fmadd_ps(off, off, square[g]);
    }
  for (int g = 0; g < G; g++) {
    store(sums + c + g * LANES, sum[g]);
    store(squares + c + g * LANES, square[g]);
  }
}

// relu?(x * scale + shift + shortcut); the shortcut may be null.
template <typename T>
AVX512_KERNEL void write(const Pixels &p, const T *x, const float *scale, const float *shift,
                         const uint16_t *shortcut, bool relu, uint16_t *to) {
  const __m512 zero = _mm512_setzero_ps();
  for (int64_t pixel = p.begin; pixel < p.end; pixel++)
    for (int64_t c = 0; c < p.channels; c += LANES) {
      const int64_t at = pixel * p.channels + c;
      __m512 y = _mm512_fmadd_ps(load(x + at), load(scale + c), load(shift + c));
      if (shortcut)
        y = _mm512_add_ps(y, load(shortcut + at));
      // The second of two operands is what a NaN gives.
      store(to + at, relu ? _mm512_max_ps(zero, y) : y);
    }
}

// The gradient of what went into the rectifier whose result was y, if there is one.
AVX512_KERNEL inline __m512 rectified(const uint16_t *gradient, const uint16_t *y) {
  const __m512 g = load(gradient);
  if (!y)
    return g;
  const __mmask16 cut = _mm512_cmp_ps_mask(load(y), _mm512_setzero_ps(), _CMP_LE_OQ);
  return _mm512_mask_mov_ps(g, cut, _mm512_setzero_ps());
}

// Sums of the rectified gradient and of it times x - mean, for G registers of channels from c on; the
// gradient goes to the shortcut, too, if that is not null.
template <int G, typename T>
AVX512_KERNEL void moments_back(const Pixels &p, int64_t c, const uint16_t *gradient, const uint16_t *y,
                                const T *x, const float *mean, float *sums, float *products,
                                uint16_t *shortcut) {
  __m512 sum[G] = {}, product[G] = {};
  for (int64_t pixel = p.begin; pixel < p.end; pixel++)
    for (int g = 0; g < G; g++) {
      const int64_t channel = c + g * LANES, at = pixel * p.channels + channel;
      const __m512 value = rectified(gradient + at, y ? y + at : nullptr);
      if (shortcut)
        store(shortcut + at, value);
      sum[g] = _mm512_add_ps(sum[g], value);
      const __m512 off = _mm512_sub_ps(load(x + at), load(mean + channel));
      product[g] = _mm512_fmadd_ps(value, off, product[g]);
    }
  for (int g = 0; g < G; g++) {
    store(sums + c + g * LANES, sum[g]);
    store(products + c + g * LANES, product[g]);
  }
}

// scale * gradient + slope * x + offset.
template <typename T>
AVX512_KERNEL void write_back(const Pixels &p, const uint16_t *gradient, const uint16_t *y, const T *x,
                              const float *scale, const float *slope, const float *offset, T *to) {
  for (int64_t pixel = p.begin; pixel < p.end; pixel++)
    for (int64_t c = 0; c < p.channels; c += LANES) {
      const int64_t at = pixel * p.channels + c;
      const __m512 value = rectified(gradient + at, y ? y + at : nullptr);
      const __m512 line = _mm512_fmadd_ps(load(x + at), load(slope + c), load(offset + c));
      store(to + at, _mm512_fmadd_ps(value, load(scale + c), line));
    }
}

// Calls `each` with the first of four registers of channels, as many as sums stay in registers for, and
// of single ones at the end.
template <typename F> void by_registers(int64_t channels, F each) {
  int64_t c = 0;
  for (; c + 4 * LANES <= channels; c += 4 * LANES)
    each.template operator()<4>(c);
  for (; c < channels; c += LANES)
    each.template operator()<1>(c);
}

// Runs `each` on blocks of some pixels, whose bounds depend on no number of threads; it may leave two
// sums a channel, which are returned added up, the first of all channels before the second.
template <typename F> std::vector<double> over_blocks(int64_t pixels, int64_t channels, F each) {
  const int64_t size = std::max<int64_t>(16, (int64_t(1) << 15) / channels);
  const int64_t blocks = (pixels + size - 1) / size, both = 2 * channels;
  std::vector<float> partial(blocks * both);
  at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++)
      each(Pixels{channels, block * size, std::min(pixels, (block + 1) * size)},
           partial.data() + block * both);
  });
  std::vector<double> total(both);
  for (int64_t block = 0; block < blocks; block++)
    for (int64_t i = 0; i < both; i++)
      total[i] += partial[block * both + i];
  return total;
}

template <typename T> const T *values(const at::Tensor &tensor) {
  return tensor.defined() ? static_cast<const T *>(tensor.const_data_ptr()) : nullptr;
}

// Calls `body` with a null pointer to the type of the values of x.
template <typename F> void by_type(const at::Tensor &x, F body) {
  if (x.scalar_type() == at::kFloat)
    body(static_cast<const float *>(nullptr));
  else
    body(static_cast<const uint16_t *>(nullptr));
}

bool serves(const at::Tensor &x, const at::Tensor &weight, const at::Tensor *shortcut) {
  static const bool known = has_avx512();
  return known && x.is_cpu() && x.dim() == 4 && x.size(1) % LANES == 0 && x.numel() > x.size(1) &&
         (x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kFloat) &&
         weight.scalar_type() == at::kFloat &&
         (!shortcut || (shortcut->sizes() == x.sizes() && shortcut->scalar_type() == at::kBFloat16));
}

struct BatchNorm : torch::autograd::Function<BatchNorm> {
  static Variable forward(AutogradContext *ctx, const Variable &input, const Variable &weight,
                          const Variable &bias, const std::optional<Variable> &shortcut,
                          const Settings &settings) {
    const at::Tensor x = input.contiguous(LAST);
    const at::Tensor added = shortcut ? shortcut->contiguous(LAST) : at::Tensor();
    const int64_t channels = x.size(1), pixels = x.numel() / channels;
    const auto floats = weight.options();
    at::Tensor result = at::empty(x.sizes(), x.options().dtype(at::kBFloat16), LAST);
    at::Tensor mean = at::empty({channels}, floats), inverse = at::empty({channels}, floats);
    const at::Tensor slope = weight.contiguous(), offset = bias.contiguous();
    by_type(x, [&](auto type) {
      const auto *from = values<std::remove_pointer_t<decltype(type)>>(x);
      // About a value of the channel's own, so that squares do not cancel.
      std::vector<float> first(channels), scale(channels), shift(channels);
      copy_pixel(from, channels, first.data());
      const auto sums = over_blocks(pixels, channels, [&](const Pixels &p, float *partial) {
        const auto each = [&]<int G>(int64_t c) {
          moments<G>(p, c, from, first.data(), partial, partial + channels);
        };
        by_registers(channels, each);
      });
      auto *means = mean.data_ptr<float>(), *inverses = inverse.data_ptr<float>();
      for (int64_t c = 0; c < channels; c++) {
        const double off = sums[c] / pixels;
        const double variance = std::max(sums[channels + c] / pixels - off * off, 0.0);
        means[c] = float(first[c] + off);
        inverses[c] = float(1 / std::sqrt(variance + settings.eps));
        scale[c] = slope.const_data_ptr<float>()[c] * inverses[c];
        shift[c] = offset.const_data_ptr<float>()[c] - means[c] * scale[c];
        follow(settings.running_mean, c, settings.momentum, first[c] + off);
        follow(settings.running_variance, c, settings.momentum, variance * pixels / (pixels - 1));
      }
      over_blocks(pixels, channels, [&](const Pixels &p, float *) {
        write(p, from, scale.data(), shift.data(), values<uint16_t>(added), settings.relu,
              static_cast<uint16_t *>(result.data_ptr()));
      });
    });
    ctx->save_for_backward({input, weight, settings.relu ? result : Variable(), mean, inverse});
    ctx->saved_data["eps"] = settings.eps;
    ctx->saved_data["shortcut"] = shortcut.has_value();
    return result;
  }

  static variable_list backward(AutogradContext *ctx, variable_list gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &input = saved[0], &weight = saved[1], &y = saved[2], &mean = saved[3], &inverse = saved[4];
    const bool to_shortcut = ctx->saved_data["shortcut"].toBool() && ctx->needs_input_grad(3);
    const bool to_weight = ctx->needs_input_grad(1), to_bias = ctx->needs_input_grad(2);
    // A gradient of the gradient goes through libtorch's own formulas.
    if (at::GradMode::is_enabled()) {
      const Variable g = y.defined() ? at::threshold_backward(gradients[0], y, 0) : gradients[0];
      auto [of_x, of_weight, of_bias] = at::native_batch_norm_backward(
          g.to(input.scalar_type()), input, weight, {}, {}, mean, inverse, true,
          ctx->saved_data["eps"].toDouble(), {true, to_weight, to_bias});
      return {of_x, of_weight, of_bias, to_shortcut ? g : Variable(), {}};
    }
    const at::Tensor x = input.contiguous(LAST), gradient = gradients[0].contiguous(LAST);
    const int64_t channels = x.size(1), pixels = x.numel() / channels;
    at::Tensor result = at::empty(x.sizes(), x.options(), LAST);
    at::Tensor of_weight = at::empty({channels}, weight.options());
    at::Tensor of_bias = at::empty({channels}, weight.options());
    at::Tensor of_shortcut = to_shortcut && y.defined() ? at::empty(y.sizes(), y.options(), LAST)
                                                        : to_shortcut ? gradient : at::Tensor();
    auto *passed = to_shortcut && y.defined() ? static_cast<uint16_t *>(of_shortcut.data_ptr()) : nullptr;
    const auto *given = values<uint16_t>(gradient), *out = values<uint16_t>(y);
    const auto *means = mean.const_data_ptr<float>(), *inverses = inverse.const_data_ptr<float>();
    const at::Tensor factor = weight.contiguous();
    by_type(x, [&](auto type) {
      using T = std::remove_const_t<std::remove_pointer_t<decltype(type)>>;
      const auto *from = values<T>(x);
      const auto sums = over_blocks(pixels, channels, [&](const Pixels &p, float *partial) {
        const auto each = [&]<int G>(int64_t c) {
          moments_back<G>(p, c, given, out, from, means, partial, partial + channels, passed);
        };
        by_registers(channels, each);
      });
      std::vector<float> scale(channels), slope(channels), offset(channels);
      for (int64_t c = 0; c < channels; c++) {
        const double total = sums[c], product = sums[channels + c], width = inverses[c];
        of_bias.data_ptr<float>()[c] = float(total);
        of_weight.data_ptr<float>()[c] = float(product * width);
        const double steepness = factor.const_data_ptr<float>()[c] * width;
        const double along = -steepness * width * width * product / pixels;
        scale[c] = float(steepness);
        slope[c] = float(along);
        offset[c] = float(-steepness * total / pixels - along * means[c]);
      }
      over_blocks(pixels, channels, [&](const Pixels &p, float *) {
        write_back(p, given, out, from, scale.data(), slope.data(), offset.data(),
                   static_cast<T *>(result.data_ptr()));
      });
    });
    return {result, to_weight ? of_weight : Variable(), to_bias ? of_bias : Variable(), of_shortcut, {}};
  }

private:
  // A running statistic goes its way towards that of the batch.
  static void follow(const at::Tensor &running, int64_t channel, double momentum, double found) {
    auto &value = running.data_ptr<float>()[channel];
    value = float((1 - momentum) * value + momentum * found);
  }
};

} // namespace
#endif

// relu?(batch_norm(x) + shortcut) by the statistics of the batch, of values (N, C, H, W), `rounded` to
// bf16 if asked; the running statistics follow. Differentiable in x, weight, bias and shortcut, also
// twice.
extern "C" char *rt_batch_norm(const at::Tensor *x, const at::Tensor *weight, const at::Tensor *bias,
                               const at::Tensor *running_mean, const at::Tensor *running_variance,
                               const at::Tensor *shortcut, double momentum, double eps, bool relu,
                               bool rounded, at::Tensor **out) {
  return guarded([&] {
#if defined(__x86_64__) && defined(__linux__)
    if (rounded && serves(*x, *weight, shortcut)) {
      const auto added = shortcut ? std::optional(*shortcut) : std::nullopt;
      const Settings settings{*running_mean, *running_variance, momentum, eps, relu};
      *out = new at::Tensor(BatchNorm::apply(*x, *weight, *bias, added, settings));
      return;
    }
#endif
    at::Tensor y = at::batch_norm(*x, *weight, *bias, *running_mean, *running_variance, true, momentum,
                                  eps, false);
    if (rounded)
      y = y.to(at::kBFloat16);
    if (shortcut)
      y.add_(*shortcut);
    if (relu)
      y.relu_();
    *out = new at::Tensor(std::move(y));
  });
}
