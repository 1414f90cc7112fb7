// Values of bf16 in registers of AVX-512.
#pragma once
#include <cstdint>

#if defined(__x86_64__) && defined(__linux__)
#include <immintrin.h>

#define AVX512_KERNEL __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

namespace {

// Values of a register.
constexpr int64_t LANES = 16;

inline bool has_avx512() {
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bf16");
}

AVX512_KERNEL inline __m512 widened(const uint16_t *from) {
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

AVX512_KERNEL inline void round_to(void *to, __m512 values) {
  const __m256bh rounded = _mm512_cvtneps_pbh(values);
  __builtin_memcpy(to, &rounded, sizeof rounded);
}

} // namespace

#endif
