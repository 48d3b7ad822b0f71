// vec<float> and vec<double>: one register of the instruction set this file is compiled for.
//
// They are GCC/Clang vector types, so + - * / and comparisons work as for scalars, with a scalar on
// either side, and `mask ? a : b` selects by lane: a formula written for T works for T = float and
// for T = f32v. What the compilers do not express (fma, max, conversions, streaming) is named here.
#pragma once

#include <string.h>

#include "math/bfloat16.h"
#include "math/inline.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace eqp {
namespace EQP_ISA {

#if defined(__AVX512F__)
#define EQP_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define EQP_VECTOR_BYTES 32
#else
#define EQP_VECTOR_BYTES 16
#endif

typedef float f32v __attribute__((vector_size(EQP_VECTOR_BYTES)));
typedef int32_t i32v __attribute__((vector_size(EQP_VECTOR_BYTES)));
typedef uint32_t u32v __attribute__((vector_size(EQP_VECTOR_BYTES)));
typedef double f64v __attribute__((vector_size(EQP_VECTOR_BYTES)));
typedef int64_t i64v __attribute__((vector_size(EQP_VECTOR_BYTES)));
typedef uint64_t u64v __attribute__((vector_size(EQP_VECTOR_BYTES)));

template <class T>
struct vec;
template <>
struct vec<float> {
  using type = f32v;
  using mask = i32v;
  static constexpr int width = EQP_VECTOR_BYTES / 4;
};
template <>
struct vec<double> {
  using type = f64v;
  using mask = i64v;
  static constexpr int width = EQP_VECTOR_BYTES / 8;
};
constexpr int kF32Width = vec<float>::width;

// --- fma, max: one instruction where there is one -----------------------------------------------
EQP_HD float fma(float a, float b, float c) {
#if defined(__FMA__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}
EQP_HD double fma(double a, double b, double c) {
#if defined(__FMA__)
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}
EQP_HD f32v fma(f32v a, f32v b, f32v c) {
#if defined(__AVX512F__)
  return (f32v)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (f32v)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}
EQP_HD f64v fma(f64v a, f64v b, f64v c) {
#if defined(__AVX512F__)
  return (f64v)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__FMA__)
  return (f64v)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
  return a * b + c;
#endif
}

// a > b ? a : b, so that a NaN in b is returned and a NaN in a is dropped.
EQP_HD float max_or_second(float a, float b) { return a > b ? a : b; }
EQP_HD double max_or_second(double a, double b) { return a > b ? a : b; }
EQP_HD f32v max_or_second(f32v a, f32v b) {
#if defined(__AVX512F__)
  return (f32v)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (f32v)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
  return (f32v)_mm_max_ps((__m128)a, (__m128)b);
#else
  return a > b ? a : b;
#endif
}
EQP_HD f64v max_or_second(f64v a, f64v b) { return a > b ? a : b; }

// a < b ? a : b.
EQP_HD float min_or_second(float a, float b) { return a < b ? a : b; }
EQP_HD f32v min_or_second(f32v a, f32v b) {
#if defined(__AVX512F__)
  return (f32v)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (f32v)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
  return (f32v)_mm_min_ps((__m128)a, (__m128)b);
#else
  return a < b ? a : b;
#endif
}

// The 64-bit products of the low halves of each 64-bit lane.
EQP_HD u64v multiply_low_halves(u64v a, u64v b) {
#if defined(__AVX512F__)
  return (u64v)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (u64v)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
  return (u64v)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

EQP_HD f32v sqrt(f32v v) {
#if defined(__AVX512F__)
  return (f32v)_mm512_sqrt_ps((__m512)v);
#elif defined(__AVX2__)
  return (f32v)_mm256_sqrt_ps((__m256)v);
#elif defined(__SSE2__)
  return (f32v)_mm_sqrt_ps((__m128)v);
#else
  for (int i = 0; i < vec<float>::width; ++i) v[i] = __builtin_sqrtf(v[i]);
  return v;
#endif
}

// value - 0 keeps the sign of a zero, unlike value + 0.
template <class V, class S>
EQP_HD V broadcast(S value) {
  return value - V{};
}

// --- Reductions over lanes, in one fixed tree ---------------------------------------------------
EQP_HD float sum_lanes(f32v v) {
  float lane[kF32Width];
  memcpy(lane, &v, sizeof(v));
  for (int half = kF32Width / 2; half >= 1; half /= 2) {
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  return lane[0];
}
EQP_HD double sum_lanes(f64v v) {
  double lane[vec<double>::width];
  memcpy(lane, &v, sizeof(v));
  for (int half = vec<double>::width / 2; half >= 1; half /= 2) {
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  return lane[0];
}
EQP_HD float max_lanes(f32v v) {
  float lane[kF32Width];
  memcpy(lane, &v, sizeof(v));
  for (int half = kF32Width / 2; half >= 1; half /= 2) {
    for (int i = 0; i < half; ++i) lane[i] = max_or_second(lane[i], lane[i + half]);
  }
  return lane[0];
}

// --- Memory: f32v from and to float and bfloat16, f64v from and to double -----------------------
EQP_HD f32v load(const float* from) {
  f32v v;
  memcpy(&v, from, sizeof(v));
  return v;
}
EQP_HD f64v load(const double* from) {
  f64v v;
  memcpy(&v, from, sizeof(v));
  return v;
}
EQP_HD f32v load(const bfloat16* from) {
#if defined(__AVX512F__)
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return (f32v)_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16);
#elif defined(__AVX2__)
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return (f32v)_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16);
#elif defined(__SSE2__)
  const __m128i bits = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
  return (f32v)_mm_unpacklo_epi16(_mm_setzero_si128(), bits);
#else
  return f32v{to_float(from[0]), to_float(from[1]), to_float(from[2]), to_float(from[3])};
#endif
}

EQP_HD void store(float* to, f32v v) { memcpy(to, &v, sizeof(v)); }
EQP_HD void store(double* to, f64v v) { memcpy(to, &v, sizeof(v)); }

// Rounds every lane to the nearest even bfloat16, which ends up in the upper half of the lane. A
// NaN keeps its sign and becomes quiet: adding the rounding increment could carry it into infinity.
EQP_HD i32v bfloat16_bits(f32v v) {
#if defined(__AVX512F__)
  const __m512i bits = _mm512_castps_si512((__m512)v);
  const __mmask16 odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000));
  const __mmask16 nan = _mm512_cmp_ps_mask((__m512)v, (__m512)v, _CMP_UNORD_Q);
  const __m512i below_half = _mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff));
  const __m512i rounded = _mm512_mask_add_epi32(below_half, odd, bits, _mm512_set1_epi32(0x8000));
  return (i32v)_mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
#else
  const i32v bits = (i32v)v;
  const i32v rounded = bits + 0x7fff + ((bits >> 16) & 1);
  return v == v ? rounded : (bits | 0x400000);
#endif
}
EQP_HD void store(bfloat16* to, f32v v) {
  const i32v bits = bfloat16_bits(v);
#if defined(__AVX512F__)
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                      _mm512_cvtepi32_epi16(_mm512_srli_epi32((__m512i)bits, 16)));
#elif defined(__AVX2__)
  const __m256i high = _mm256_srli_epi32((__m256i)bits, 16);
  const __m256i packed = _mm256_packus_epi32(high, high);  // per 128-bit half
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                   _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08)));
#elif defined(__SSE2__)
  // An arithmetic shift keeps the value in the signed 16-bit range, so the pack does not saturate.
  const __m128i high = _mm_srai_epi32((__m128i)bits, 16);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packs_epi32(high, high));
#else
  for (int i = 0; i < kF32Width; ++i)
    to[i].bits = static_cast<uint16_t>(static_cast<uint32_t>(bits[i]) >> 16);
#endif
}

// Non-temporal stores, which do not read the line they overwrite. `to` is aligned to the bytes
// written; stream_fence() before another thread may look.
EQP_HD void stream(float* to, f32v v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(to, (__m512)v);
#elif defined(__AVX2__)
  _mm256_stream_ps(to, (__m256)v);
#elif defined(__SSE2__)
  _mm_stream_ps(to, (__m128)v);
#else
  store(to, v);
#endif
}
EQP_HD void stream(bfloat16* to, f32v v) {
#if defined(__AVX512F__)
  _mm256_stream_si256(reinterpret_cast<__m256i*>(to),
                      _mm512_cvtepi32_epi16(_mm512_srli_epi32((__m512i)bfloat16_bits(v), 16)));
#elif defined(__AVX2__)
  const __m256i high = _mm256_srli_epi32((__m256i)bfloat16_bits(v), 16);
  const __m256i packed = _mm256_packus_epi32(high, high);
  _mm_stream_si128(reinterpret_cast<__m128i*>(to),
                   _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08)));
#elif defined(__SSE2__)
  const __m128i high = _mm_srai_epi32((__m128i)bfloat16_bits(v), 16);
  _mm_stream_si64(reinterpret_cast<long long*>(to), _mm_cvtsi128_si64(_mm_packs_epi32(high, high)));
#else
  store(to, v);
#endif
}
EQP_HD void stream_fence() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

// The first `count` < width lanes; the others are `fill`.
template <class E, class V, class S>
EQP_HD V load_partial(const E* from, int count, S fill) {
  E buffer[EQP_VECTOR_BYTES / sizeof(S)];
  for (int i = 0; i < static_cast<int>(EQP_VECTOR_BYTES / sizeof(S)); ++i) buffer[i] = E();
  for (int i = 0; i < count; ++i) buffer[i] = from[i];
  V v = load(buffer);
  for (int i = count; i < static_cast<int>(EQP_VECTOR_BYTES / sizeof(S)); ++i) v[i] = fill;
  return v;
}
template <class E, class V>
EQP_HD void store_partial(E* to, int count, V v) {
  E buffer[sizeof(V) / sizeof(v[0])];
  store(buffer, v);
  for (int i = 0; i < count; ++i) to[i] = buffer[i];
}

// --- Pairs of vectors from 2 * width consecutive elements ---------------------------------------
// Of bfloat16 the first vector holds the even elements and the second the odd ones: one instruction
// each instead of two, and as many less on the way back. Of float they are simply consecutive.
struct F32Pair {
  f32v first, second;
};

EQP_HD F32Pair load_pair(const float* from) { return {load(from), load(from + kF32Width)}; }
EQP_HD void store_pair(float* to, F32Pair pair) {
  store(to, pair.first);
  store(to + kF32Width, pair.second);
}
// `to` is aligned to EQP_VECTOR_BYTES; stream_fence() before another thread may look.
EQP_HD void stream_pair(float* to, F32Pair pair) {
  stream(to, pair.first);
  stream(to + kF32Width, pair.second);
}

#if defined(__SSE2__)
EQP_HD F32Pair load_pair(const bfloat16* from) {
  i32v bits;
  memcpy(&bits, from, sizeof(bits));
  return {(f32v)(bits << 16), (f32v)(bits & static_cast<int32_t>(0xffff0000))};
}
EQP_HD i32v bfloat16_pair_bits(F32Pair pair) {
  const i32v low_half = broadcast<i32v>(0xffff);
  return ((bfloat16_bits(pair.first) >> 16) & low_half) | (bfloat16_bits(pair.second) & ~low_half);
}
EQP_HD void store_pair(bfloat16* to, F32Pair pair) {
  const i32v bits = bfloat16_pair_bits(pair);
  memcpy(static_cast<void*>(to), &bits, sizeof(bits));
}
EQP_HD void stream_pair(bfloat16* to, F32Pair pair) {
  // The streaming store of floats moves bits, whatever they mean.
  stream(reinterpret_cast<float*>(to), (f32v)bfloat16_pair_bits(pair));
}
#else  // no order of bytes is assumed
EQP_HD F32Pair load_pair(const bfloat16* from) { return {load(from), load(from + kF32Width)}; }
EQP_HD void store_pair(bfloat16* to, F32Pair pair) {
  store(to, pair.first);
  store(to + kF32Width, pair.second);
}
EQP_HD void stream_pair(bfloat16* to, F32Pair pair) { store_pair(to, pair); }
#endif

template <bool streaming, class E>
EQP_HD void put_pair(E* to, F32Pair pair) {
  if (streaming) {
    stream_pair(to, pair);
  } else {
    store_pair(to, pair);
  }
}

// For a loop that reads 2 * width elements at `address` next: asks for the same of 32 KiB ahead into the
// second cache and of 2 KiB ahead into the first. Any address may be asked for. (Measured on Emerald
// Rapids: one distance alone reaches 0.88 of a plain read's speed, both 0.95.)
template <class E>
EQP_HD void prefetch_pair(const E* address) {
  constexpr int bytes = 2 * kF32Width * static_cast<int>(sizeof(E));
  const char* const next = reinterpret_cast<const char*>(address);
  for (int line = 0; line < bytes; line += 64) {
    __builtin_prefetch(next + (32 << 10) + line, 0, 2);
    __builtin_prefetch(next + (2 << 10) + line, 0, 3);
  }
}

}  // namespace EQP_ISA
}  // namespace eqp
