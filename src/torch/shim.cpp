// What tch 0.26 lacks of libtorch, as C functions that return an error message or null.
#include "guarded.h"
#include <ATen/Context.h>
#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/full.h>
#include <c10/core/GradMode.h>
#include <dlfcn.h>
#include <malloc.h>
#include <torch/version.h>

extern "C" {
char *rt_channels_last(const at::Tensor *x, at::Tensor **out) {
  return guarded([&] {
    *out = new at::Tensor(x->contiguous(at::MemoryFormat::ChannelsLast));
  });
}

// Settings of the process.
char *rt_start() {
  return guarded([] {
    at::globalContext().setDeterministicAlgorithms(true, false);
    at::globalContext().setDeterministicFillUninitializedMemory(false);
    at::globalContext().setFlushDenormal(true);
#ifdef __GLIBC__
    // Activations are freed and asked for again in every step: memory that goes back to the system in
    // between is cleared for each.
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
  });
}

char *rt_cpu_capability(char **out) {
  return guarded([&] { *out = strdup(at::get_cpu_capability().c_str()); });
}

// The file of the libtorch_cpu.so in use.
char *rt_library_path(char **out) {
  return guarded([&] {
    Dl_info info;
    if (!dladdr(reinterpret_cast<void *>(&at::get_cpu_capability), &info) || !info.dli_fname)
      throw std::runtime_error("the loader does not know libtorch_cpu.so");
    *out = strdup(info.dli_fname);
  });
}

char *rt_version(char **out) {
  return guarded([&] { *out = strdup(TORCH_VERSION); });
}

// torch.optim.SGD's update with dampening 0; a zero buffer gives its first step.
char *rt_sgd_step(at::Tensor *flat, const at::Tensor *gradient, at::Tensor *buffer, double lr,
                  double momentum, double weight_decay, bool nesterov) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    std::vector<at::Tensor> buffers;
    if (momentum != 0)
      buffers.push_back(*buffer);
    at::_fused_sgd_({*flat}, {*gradient}, buffers, weight_decay, momentum, lr, 0.0, nesterov,
                    false, false);
  });
}

// torch.optim.AdamW's update number `step`, counted from 1.
char *rt_adamw_step(at::Tensor *flat, const at::Tensor *gradient, at::Tensor *mean,
                    at::Tensor *square, double step, double lr, double beta1, double beta2,
                    double weight_decay, double eps) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    at::Tensor count = at::full({}, step, flat->options());
    at::_fused_adamw_({*flat}, {*gradient}, {*mean}, {*square}, {}, {count}, lr, beta1, beta2,
                      weight_decay, eps, false, false);
  });
}
}
