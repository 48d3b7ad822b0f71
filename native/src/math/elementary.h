// exp, log, log1p, sqrt: branch-free polynomials, so that they vectorise, have the same bits
// wherever the same instructions run, and need no libm.
//
//   exp(x) = 2^n e^r,  n = round(x log2 e),  r = x - n ln 2 in [-ln2/2, ln2/2], ln 2 in two parts;
//   e^r = 1 + r + r^2 q(r), q a minimax polynomial (Remez, relative error of e^r below 3.1e-9 for
//   float, 5.4e-20 for double).
//   Error bounds, tested against correctly rounded results: float 1.5 ulp with FMA, 2 ulp without;
//   double 1.5 ulp. exp2_of_sum: 2 ulp; times_exp2: 2.5 ulp. Results below the smallest normal number are 0; NaN gives NaN.
//
//   log(x) = k ln 2 + log(1 + f), 1 + f in [sqrt(1/2), sqrt(2)): with s = f/(2 + f), w = s^2,
//   log(1 + f) = f - (f^2/2 - s (f^2/2 + w p(w))); p a minimax polynomial of degree 7 (error 1.7e-20).
//   1 ulp for normal x > 0; log(0) = -Inf, log(negative) = NaN, log(Inf) = Inf.
#pragma once

#if defined(EQP_SCALAR_ONLY)
#include "scalar.h"  // cuda-kernels: the same names without vectors, e^x of a float by the hardware
#else
#include "math/vec.h"
#endif

namespace eqp {
namespace EQP_ISA {

constexpr float kInfinityF = __builtin_inff();
constexpr double kInfinity = __builtin_inf();
constexpr float kNaNF = __builtin_nanf("");
constexpr double kNaN = __builtin_nan("");

constexpr float kFloatMax = 3.40282346638528859812e+38f;
constexpr float kExpUnderflowF = -87.33654f;  // below, e^x is not a normal float

#if !defined(EQP_SCALAR_ONLY)
EQP_HD f32v exp_polynomial(f32v r) {
  f32v q = broadcast<f32v>(0.0013814540579915047f);
  q = fma(q, r, broadcast<f32v>(0.00836874544620514f));
  q = fma(q, r, broadcast<f32v>(0.04166838899254799f));
  q = fma(q, r, broadcast<f32v>(0.1666652113199234f));
  q = fma(q, r, broadcast<f32v>(0.4999999403953552f));
  return fma(q * r, r, r) + 1.0f;
}

// e^x for x <= 0 or NaN: what a softmax needs after its maximum is subtracted. -Inf gives 0.
EQP_HD f32v exp_nonpositive(f32v x) {
  // Adding 1.5 * 2^23 rounds to an integer, which is then the low bits of the sum.
  const float shift = 12582912.0f;
  const f32v clamped = max_or_second(broadcast<f32v>(-104.0f), x);
  const f32v shifted = fma(clamped, broadcast<f32v>(1.44269504088896341f), broadcast<f32v>(shift));
  const f32v n = shifted - shift;
  f32v r = fma(n, broadcast<f32v>(-0.693145751953125f), clamped);
  r = fma(n, broadcast<f32v>(-1.428606765330187e-06f), r);
  const f32v power = exp_polynomial(r);
#if defined(__AVX512F__)
  // 2^n by scalef; what falls below the normal numbers is cleared, as in the other variants.
  const __m512 scaled = _mm512_scalef_ps((__m512)power, (__m512)n);
  const __mmask16 keep = _mm512_cmp_ps_mask((__m512)x, _mm512_set1_ps(kExpUnderflowF), _CMP_NLT_UQ);
  return (f32v)_mm512_maskz_mov_ps(keep, scaled);
#else
  // Multiplied, not added to the exponent's bits: a NaN must stay one whatever its payload.
  const f32v scaled = power * (f32v)(((i32v)shifted << 23) + 0x3f800000);
  return x < kExpUnderflowF ? f32v{} : scaled;
#endif
}

// 2^(y + low) for y <= 127 (beyond, anything), where `low` is what a rounded y = x log2 e has lost: half the
// instructions of exp. Relative error 2 ulp. Below -126 the result is tiny or 0. y = n + f: 2^f is a
// minimax polynomial (1.9e-9).
#if defined(__AVX512DQ__)
// f in [0, 1) by one instruction, and 2^floor(y) by another; both do the right thing for Inf and NaN.
EQP_HD f32v exp2_fraction(f32v y) {
  return (f32v)_mm512_reduce_ps((__m512)y, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
EQP_HD f32v exp2_polynomial(f32v f) {
  f32v p = broadcast<f32v>(0.00021702256344724447f);
  p = fma(p, f, broadcast<f32v>(0.001243968727067113f));
  p = fma(p, f, broadcast<f32v>(0.009678840637207031f));
  p = fma(p, f, broadcast<f32v>(0.055483341217041016f));
  p = fma(p, f, broadcast<f32v>(0.24022983014583588f));
  p = fma(p, f, broadcast<f32v>(0.6931470036506653f));
  return fma(p, f, broadcast<f32v>(1.0f));
}
// The lanes whose `keep` bit is not set are 0.
EQP_HD f32v exp2_of_sum(f32v y, f32v low, __mmask16 keep) {
  return (f32v)_mm512_maskz_scalef_ps(keep, (__m512)exp2_polynomial(exp2_fraction(y) + low),
                                      (__m512)y);
}
#else
EQP_HD f32v exp2_polynomial(f32v f) {  // f in [-1/2, 1/2]
  f32v p = broadcast<f32v>(0.00015345697465818375f);
  p = fma(p, f, broadcast<f32v>(0.0013400063617154956f));
  p = fma(p, f, broadcast<f32v>(0.009618490003049374f));
  p = fma(p, f, broadcast<f32v>(0.05550328269600868f));
  p = fma(p, f, broadcast<f32v>(0.24022646248340607f));
  p = fma(p, f, broadcast<f32v>(0.6931471824645996f));
  return fma(p, f, broadcast<f32v>(1.0f));
}
constexpr float kExp2Shift = 12582912.0f;  // 1.5 * 2^23: the sum's low bits are the rounded integer
EQP_HD f32v exp2_scaled(f32v power, f32v shifted) {
  // Unsigned: for y beyond 127 the sum wraps around.
  return power * (f32v)(((u32v)shifted << 23) + 0x3f800000u);
}
EQP_HD f32v exp2_of_sum(f32v y, f32v low) {
  const f32v clamped = max_or_second(broadcast<f32v>(-126.0f), y);
  const f32v shifted = clamped + kExp2Shift;
  return exp2_scaled(exp2_polynomial(clamped - (shifted - kExp2Shift) + low), shifted);
}
#endif

// factor 2^y for whole rows of y, in the fewest instructions there are; the rounding of a y = x log2 e
// is not recovered. Relative error 2.5 ulp; Inf or at least 2^126 factor above 127, tiny or 0 below -126,
// NaN for NaN.
#if defined(__AVX512DQ__)
// y = n + k/32 + r, r in [0, 1/32): two registers hold factor 2^{k/32}, looked up by the low bits of
// floor(32 y)/32 + 1.5 * 2^18; 2^r is a minimax polynomial (5.3e-8); scalef multiplies by 2^n.
struct Exp2Multiple {
  f32v low, high;
};
EQP_HD Exp2Multiple exp2_multiple(float factor) {
  const f32v low = {1.0f,        1.0218972f,  1.04427385f, 1.06714046f, 1.09050775f, 1.1143868f,
                    1.1387887f,  1.1637249f,  1.1892072f,  1.21524739f, 1.24185789f, 1.26905107f,
                    1.29683959f, 1.32523668f, 1.35425568f, 1.38390994f};
  const f32v high = {1.41421366f, 1.44518089f, 1.47682619f, 1.50916445f, 1.54221094f, 1.5759809f,
                     1.61049044f, 1.64575553f, 1.68179297f, 1.71861935f, 1.75625229f, 1.79470921f,
                     1.83400822f, 1.87416768f, 1.91520667f, 1.95714426f};
  return Exp2Multiple{low * factor, high * factor};
}
EQP_HD f32v exp2_coarse(f32v y, const Exp2Multiple& multiple) {
  const __m512 floor_32nds = _mm512_add_round_ps((__m512)y, _mm512_set1_ps(393216.0f),
                                                 _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  const __m512 looked_up = _mm512_permutex2var_ps(
      (__m512)multiple.low, _mm512_castps_si512(floor_32nds), (__m512)multiple.high);
  return (f32v)_mm512_scalef_ps(looked_up, (__m512)y);
}
EQP_HD f32v exp2_fine(f32v y) {
  constexpr int rest_of_32nds = 5 << 4 | _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
  const f32v r = (f32v)_mm512_reduce_ps((__m512)y, rest_of_32nds);
  const f32v q =
      fma(broadcast<f32v>(0.24284060299396515f), r, broadcast<f32v>(0.6931165456771851f));
  return fma(q, r, broadcast<f32v>(1.0f));
}
EQP_HD f32v times_exp2(const Exp2Multiple& multiple, f32v y) {
  return exp2_coarse(y, multiple) * exp2_fine(y);
}
// sum + factor 2^y
EQP_HD f32v add_exp2(f32v sum, const Exp2Multiple& multiple, f32v y) {
  return fma(exp2_coarse(y, multiple), exp2_fine(y), sum);
}
#else
struct Exp2Multiple {
  float factor;
};
EQP_HD Exp2Multiple exp2_multiple(float factor) { return Exp2Multiple{factor}; }
EQP_HD f32v times_exp2(const Exp2Multiple& multiple, f32v y) {
  // At -127 the bits of 2^n are those of 0.
  const f32v clamped =
      min_or_second(broadcast<f32v>(127.0f), max_or_second(broadcast<f32v>(-127.0f), y));
  const f32v shifted = clamped + kExp2Shift;
  return exp2_scaled(exp2_polynomial(clamped - (shifted - kExp2Shift)), shifted) * multiple.factor;
}
EQP_HD f32v add_exp2(f32v sum, const Exp2Multiple& multiple, f32v y) {
  return sum + times_exp2(multiple, y);
}
#endif

// e^x for every x; overflow gives Inf.
EQP_HD f32v exp(f32v x) {
  const float shift = 12582912.0f;
  const f32v clamped =
      min_or_second(broadcast<f32v>(89.0f), max_or_second(broadcast<f32v>(-104.0f), x));
  const f32v n =
      fma(clamped, broadcast<f32v>(1.44269504088896341f), broadcast<f32v>(shift)) - shift;
  f32v r = fma(n, broadcast<f32v>(-0.693145751953125f), clamped);
  r = fma(n, broadcast<f32v>(-1.428606765330187e-06f), r);
#if defined(__AVX512F__)
  const __mmask16 keep = _mm512_cmp_ps_mask((__m512)x, _mm512_set1_ps(kExpUnderflowF), _CMP_NLT_UQ);
  return (f32v)_mm512_maskz_scalef_ps(keep, (__m512)exp_polynomial(r), (__m512)n);
#else
  // 2^n in two factors, because 2^128 is not a float although e^88.7 is.
  const f32v half = (n * 0.5f + shift) - shift;
  const f32v rest = n - half;
  const i32v first = (((i32v)(half + shift)) << 23) + 0x3f800000;
  const i32v second = (((i32v)(rest + shift)) << 23) + 0x3f800000;
  const f32v scaled = exp_polynomial(r) * (f32v)first * (f32v)second;
  return x < kExpUnderflowF ? f32v{} : (x != x ? x : scaled);
#endif
}
#endif

// Written for T = double and f64v alike.
template <class T>
EQP_HD T exp_double_polynomial(T r) {
  T q = r * 2.0826583785307024e-09 + 2.5112084606524633e-08;
  q = fma(q, r, T{} + 2.755758227865993e-07);
  q = fma(q, r, T{} + 2.7557234727511045e-06);
  q = fma(q, r, T{} + 2.4801586925721554e-05);
  q = fma(q, r, T{} + 0.00019841269896515466);
  q = fma(q, r, T{} + 0.001388888888911636);
  q = fma(q, r, T{} + 0.008333333333316982);
  q = fma(q, r, T{} + 0.041666666666666095);
  q = fma(q, r, T{} + 0.16666666666666682);
  q = fma(q, r, T{} + 0.5);
  return fma(q * r, r, r) + 1.0;
}

EQP_HD double double_of(int64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}
EQP_HD int64_t bits_of(double value) {
  int64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}
#if !defined(EQP_SCALAR_ONLY)
EQP_HD f64v double_of(i64v bits) { return (f64v)bits; }
EQP_HD i64v bits_of(f64v value) { return (i64v)value; }
EQP_HD i64v to_exponent(i64v bits) { return bits << 52; }
#endif
// The low bits moved to where a double has its exponent; the high ones fall off.
EQP_HD int64_t to_exponent(int64_t bits) {
  return static_cast<int64_t>(static_cast<uint64_t>(bits) << 52);
}

template <class T>
EQP_HD T exp_double(T x) {
  const double shift = 6755399441055744.0;  // 1.5 * 2^52
  T clamped = max_or_second(T{} - 746.0, x);
  clamped = clamped > 710.0 ? T{} + 710.0 : clamped;
  const T n = (clamped * 1.4426950408889634 + shift) - shift;
  T r = fma(n, T{} - 0.6931471803691238, clamped);
  r = fma(n, T{} - 1.9082149292705877e-10, r);
  const T half = (n * 0.5 + shift) - shift;
  const T rest = n - half;
  const auto first = to_exponent(bits_of(half + shift)) + 0x3ff0000000000000LL;
  const auto second = to_exponent(bits_of(rest + shift)) + 0x3ff0000000000000LL;
  const T scaled = exp_double_polynomial(r) * double_of(first) * double_of(second);
  return x < -708.3964185322641 ? T{} : (x != x ? x : scaled);
}
EQP_HD double exp(double x) { return exp_double(x); }
#if !defined(EQP_SCALAR_ONLY)
EQP_HD f64v exp(f64v x) { return exp_double(x); }
#endif

EQP_HD double log(double x) {
  // The exponent is taken from the bits of x relative to sqrt(1/2), so that 1 + f is near 1.
  // Unsigned, because the bits of a negative x may wrap; its result is replaced by NaN below.
  const uint64_t bits = static_cast<uint64_t>(bits_of(x));
  const int64_t k = static_cast<int64_t>(bits - 0x3fe6a09e667f3bcdULL) >> 52;
  const double f = double_of(static_cast<int64_t>(bits - (static_cast<uint64_t>(k) << 52))) - 1.0;
  const double s = f / (2.0 + f);
  const double w = s * s;
  double p = 0.13254560481872418;
  p = p * w + 0.1324976423196744;
  p = p * w + 0.1538710638779967;
  p = p * w + 0.18181775309523918;
  p = p * w + 0.22222222651226972;
  p = p * w + 0.28571428569056595;
  p = p * w + 0.40000000000006336;
  p = p * w + 0.6666666666666666;
  const double half_square = 0.5 * f * f;
  const double exponent = static_cast<double>(k);
  const double result =
      exponent * 0.6931471803691238 -
      ((half_square - (s * (half_square + w * p) + exponent * 1.9082149292705877e-10)) - f);
  if (!(x > 0)) return x == 0 ? -kInfinity : kNaN;
  return x == kInfinity ? x : result;
}

// log(1 + x) for x > -1. The rounding of 1 + x is put back to first order.
EQP_HD double log1p(double x) {
  const double u = 1.0 + x;
  if (!(u < kInfinity)) return u;
  return log(u) + (x - (u - 1.0)) / u;
}

// e^x - 1 without cancellation: (u - 1) x / ln u with u = e^x rounded, whose error divides out
// (Kahan). 4 ulp.
EQP_HD double expm1(double x) {
  const double u = exp(x);
  if (u == 1.0) return x;
  const double less = u - 1.0;
  if (!(less > -1.0) || !(u < kInfinity)) return less;
  return less * x / log(u);
}

EQP_HD double sqrt(double x) { return __builtin_sqrt(x); }
#if !defined(EQP_SCALAR_ONLY)
EQP_HD f64v sqrt(f64v v) {
#if defined(__AVX512F__)
  return (f64v)_mm512_sqrt_pd((__m512d)v);
#elif defined(__AVX2__)
  return (f64v)_mm256_sqrt_pd((__m256d)v);
#elif defined(__SSE2__)
  return (f64v)_mm_sqrt_pd((__m128d)v);
#else
  for (int i = 0; i < vec<double>::width; ++i) v[i] = __builtin_sqrt(v[i]);
  return v;
#endif
}
#endif
EQP_HD double abs(double x) { return x < 0 ? -x : x; }

// ln sigmoid(x) = min(x, 0) - ln(1 + e^-|x|), without overflow on either side.
EQP_HD double log_sigmoid(double x) { return (x < 0 ? x : 0.0) - log1p(exp(-abs(x))); }
// sigmoid(x) = 1/(1 + e^-x); e is taken of a negative number on both sides.
EQP_HD double sigmoid(double x) {
  const double e = exp(-abs(x));
  return (x < 0 ? e : 1.0) / (1.0 + e);
}

}  // namespace EQP_ISA
}  // namespace eqp
