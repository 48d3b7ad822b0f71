// Equal groups of plain f32 rewards, a lane of f64 for each group.
//
// With d = r - r_first, exact in f64 unless exponents differ by more than 29:
//   S = sum d, Q = sum d^2, mean = r_first + S/n, sum of squared differences = Q - S^2/n,
// the shifted one-pass form of Chan, Golub, LeVeque (1983). r_first is a member, so that
// Q <= (n + 1) times the result: the subtraction loses at most a factor n + 1 of f64's precision,
// and n <= kMaxLaneGroup leaves far more than f32 can show. Q == 0 exactly when all are equal,
// because the square of the least difference of two floats, 2^-298, is a normal f64. NaN (missing)
// and infinite members make S no finite number: their block of groups is left to the caller.
#pragma once

#include "math/elementary.h"

namespace eqp {
namespace EQP_ISA {
namespace {

constexpr int kLanes = vec<double>::width;
constexpr int64_t kMaxLaneGroup = 1024;

// kLanes floats as f64, and back.
EQP_HD f64v load_wide(const float* from) {
#if defined(__AVX512F__)
  return (f64v)_mm512_cvtps_pd(_mm256_loadu_ps(from));
#elif defined(__AVX2__)
  return (f64v)_mm256_cvtps_pd(_mm_loadu_ps(from));
#else
  f64v v;
  for (int i = 0; i < kLanes; ++i) v[i] = static_cast<double>(from[i]);
  return v;
#endif
}
EQP_HD void store_narrow(float* to, f64v v) {
#if defined(__AVX512F__)
  _mm256_storeu_ps(to, _mm512_cvtpd_ps((__m512d)v));
#elif defined(__AVX2__)
  _mm_storeu_ps(to, _mm256_cvtpd_ps((__m256d)v));
#else
  for (int i = 0; i < kLanes; ++i) to[i] = static_cast<float>(v[i]);
#endif
}

// The first `count` < kLanes; the other lanes are `fill`, and are not written.
EQP_HD f64v load_wide_partial(const float* from, int count, double fill) {
#if defined(__AVX512F__)
  const __mmask8 lanes = static_cast<__mmask8>((1u << count) - 1);
  return (f64v)_mm512_mask_cvtps_pd(_mm512_set1_pd(fill), lanes,
                                    _mm256_maskz_loadu_ps(lanes, from));
#else
  f64v v = broadcast<f64v>(fill);
  for (int i = 0; i < count; ++i) v[i] = static_cast<double>(from[i]);
  return v;
#endif
}
EQP_HD void store_narrow_partial(float* to, int count, f64v v) {
#if defined(__AVX512F__)
  _mm256_mask_storeu_ps(to, static_cast<__mmask8>((1u << count) - 1), _mm512_cvtpd_ps((__m512d)v));
#else
  for (int i = 0; i < count; ++i) to[i] = static_cast<float>(v[i]);
#endif
}

EQP_HD bool all_finite(f64v v) {
#if defined(__AVX512F__)
  const __m512d zero = (__m512d)(v - v);
  return _mm512_cmp_pd_mask(zero, zero, _CMP_UNORD_Q) == 0;
#elif defined(__AVX2__)
  const __m256d zero = (__m256d)(v - v);
  return _mm256_movemask_pd(_mm256_cmp_pd(zero, zero, _CMP_UNORD_Q)) == 0;
#else
  const f64v zero = v - v;
  return zero[0] == 0 && zero[1] == 0;
#endif
}

#if defined(__clang__)
#define EQP_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define EQP_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (i64v){__VA_ARGS__})
#endif
// Lane j: the sum of the lanes of v[j], in a fixed tree.
EQP_HD f64v sum_each(const f64v (&v)[kLanes]) {
#if EQP_VECTOR_BYTES == 64
  f64v pairs[4], fours[2];
  for (int i = 0; i < 4; ++i) {
    pairs[i] = EQP_SHUFFLE(v[2 * i], v[2 * i + 1], 0, 8, 2, 10, 4, 12, 6, 14) +
               EQP_SHUFFLE(v[2 * i], v[2 * i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (int i = 0; i < 2; ++i) {
    fours[i] = EQP_SHUFFLE(pairs[2 * i], pairs[2 * i + 1], 0, 1, 8, 9, 4, 5, 12, 13) +
               EQP_SHUFFLE(pairs[2 * i], pairs[2 * i + 1], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  return EQP_SHUFFLE(fours[0], fours[1], 0, 1, 2, 3, 8, 9, 10, 11) +
         EQP_SHUFFLE(fours[0], fours[1], 4, 5, 6, 7, 12, 13, 14, 15);
#elif EQP_VECTOR_BYTES == 32
  f64v pairs[2];
  for (int i = 0; i < 2; ++i) {
    pairs[i] = EQP_SHUFFLE(v[2 * i], v[2 * i + 1], 0, 4, 2, 6) +
               EQP_SHUFFLE(v[2 * i], v[2 * i + 1], 1, 5, 3, 7);
  }
  return EQP_SHUFFLE(pairs[0], pairs[1], 0, 1, 4, 5) + EQP_SHUFFLE(pairs[0], pairs[1], 2, 3, 6, 7);
#else
  return EQP_SHUFFLE(v[0], v[1], 0, 2) + EQP_SHUFFLE(v[0], v[1], 1, 3);
#endif
}
#undef EQP_SHUFFLE

struct LaneScale {
  double mean_factor;  // c = mean_factor (r - mean)
  double std_factor;   // divisor = std_factor std_g + divisor
  double divisor;
};

struct LaneGroups {
  f64v mean, std;
  i64v equal;  // all bits set in the lanes of groups whose members are all equal
};

// kLanes groups of `size` >= 2 consecutive samples each; false, and nothing written, when one has a
// member that is not finite.
EQP_HD bool advantages_in_lanes(const float* rewards, float* out, int64_t size, double per_count,
                                double per_freedom, const LaneScale& scale, LaneGroups* groups) {
  const int rest = static_cast<int>(size % kLanes);
  // Single lanes go through memory, whose ports are free; shuffles are what is scarce.
  double origins[kLanes], means[kLanes], factors[kLanes];
  f64v sums[kLanes], squares[kLanes];
#pragma GCC unroll 8
  for (int j = 0; j < kLanes; ++j) {
    const float* const x = rewards + j * size;
    const double origin = static_cast<double>(x[0]);
    origins[j] = origin;
    f64v sum = {}, square = {};
    int64_t i = 0;
    for (; i + kLanes <= size; i += kLanes) {
      const f64v d = load_wide(x + i) - origin;
      sum += d;
      square = fma(d, d, square);
    }
    if (rest > 0) {
      const f64v d = load_wide_partial(x + i, rest, origin) - origin;
      sum += d;
      square = fma(d, d, square);
    }
    sums[j] = sum;
    squares[j] = square;
  }
  const f64v sum = sum_each(sums), square = sum_each(squares);
  if (!all_finite(sum)) return false;
  const f64v shift = sum * per_count;
  f64v moment = square - sum * shift;
  groups->equal = square == 0;
  moment = groups->equal ? f64v{} : moment;
  groups->mean = load(origins) + shift;
  groups->std = sqrt(moment * per_freedom);
  f64v factor = scale.mean_factor / (scale.std_factor * groups->std + scale.divisor);
  factor = groups->equal ? f64v{} : factor;
  store(means, groups->mean);
  store(factors, factor);
#pragma GCC unroll 8
  for (int j = 0; j < kLanes; ++j) {
    const float* const x = rewards + j * size;
    const double mean = means[j], f = factors[j];
    int64_t i = 0;
    for (; i + kLanes <= size; i += kLanes) {
      store_narrow(out + j * size + i, (load_wide(x + i) - mean) * f);
    }
    if (rest > 0) {
      store_narrow_partial(out + j * size + i, rest,
                           (load_wide_partial(x + i, rest, 0) - mean) * f);
    }
  }
  return true;
}

}  // namespace
}  // namespace EQP_ISA
}  // namespace eqp
