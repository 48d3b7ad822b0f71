// Formulas of token_log_probs: the state of an online softmax and the gradient.
//
//   m = max x,  s = sum e^{(x-m)/T},  s2 = sum e^{2(x-m)/T},  w = sum e^{(x-m)/T} (x-m)/T
//   log_sum_exp    = m/T + ln s               log_prob = (x_target - m)/T - ln s
//   log_sum_exp_2x = 2m/T + ln s2             entropy  = ln s - w/s
//
// Entropy: -sum p ln p with ln p = (x-m)/T - ln s and sum p = 1.
// Moving the maximum from m to n >= m, c = (m-n)/T:  s <- e^c s,  s2 <- e^{2c} s2,
//   w <- e^c (w + c s).
// Gradient, with l = ln p = z - log_sum_exp:
//   d log_prob / d z_j = 1[j = target] - p_j
//   d entropy  / d z_j = -p_j (l_j + entropy)    (d p_i/d z_j = p_i (1[i=j] - p_j), sum_i p_i l_i = -H)
//   d_logits_j = (1/T) (g 1[j = target] - p_j (g + h (l_j + entropy))),
//   g = d_log_prob, h = d_entropy
// p is as exact as l is, and l the difference of two numbers of the size of the logits. So it is taken
// of logits, before they are divided by T, from T log_sum_exp as two floats that add up to it: logits may
// share any offset.
#pragma once

#include "math/elementary.h"

namespace eqp {
namespace EQP_ISA {

// Exponents below this give 0 in f32; they are clamped so that 0 * exponent stays 0 for -Inf
// logits.
constexpr float kSmallestExponent = -104.0f;

// high + low is a double, but for its last 5 bits.
struct TwoFloats {
  float high, low;
};

EQP_HD TwoFloats two_floats(double value) {
  const float high = static_cast<float>(value);
  return {high, static_cast<float>(value - static_cast<double>(high))};
}

struct SoftmaxState {
  float max;
  float sum;
  float sum_2x;    // 0 unless asked for
  float weighted;  // 0 unless asked for
};

#if defined(EQP_SCALAR_ONLY)
EQP_HD float probability(float log_p) { return exp(log_p); }
#else
constexpr float kLog2E = 1.44269504088896341f;
constexpr float kLn2 = 0.693147180559945309f;

EQP_HD float exp_nonpositive(float x) { return exp_nonpositive(broadcast<f32v>(x))[0]; }

// p = e^{log_p}, exactly 0 for a -Inf logit. The rounding of log_p log2 e is carried along.
#if defined(__AVX512DQ__)
EQP_HD f32v probability(f32v log_p) {
  const f32v log2_e = broadcast<f32v>(kLog2E);
  const f32v y = log_p * log2_e;
  // NaN below the limit is what -Inf makes of the rounding; it is masked out.
  const __mmask16 keep =
      _mm512_cmp_ps_mask((__m512)log_p, _mm512_set1_ps(kExpUnderflowF), _CMP_NLT_UQ);
  return exp2_of_sum(y, fma(log_p, log2_e, -y), keep);
}
#else
// p is 1 at most; rounding of a large log_sum_exp may leave log_p above 0, so it is bounded where
// 2^n is formed from bits.
EQP_HD f32v probability(f32v log_p) {
  const f32v log2_e = broadcast<f32v>(kLog2E);
  const f32v bounded = min_or_second(broadcast<f32v>(88.0f),
                                     max_or_second(broadcast<f32v>(kSmallestExponent), log_p));
  const f32v y = bounded * log2_e;
#if defined(__FMA__)
  const f32v low = fma(bounded, log2_e, -y);
#else
  // Without FMA the product's rounding is recovered by splitting log2 e into two short factors.
  const float high = 1.4423828125f;  // 12 bits; exact times the upper half of an argument
  const i32v upper_bits = (i32v)bounded & ~0xfff;
  const f32v upper = (f32v)upper_bits, lower = bounded - upper;
  const f32v low = upper * high - y + upper * 3.1222838896e-4f + lower * kLog2E;
#endif
  return log_p < kExpUnderflowF ? f32v{} : exp2_of_sum(y, low);
}
#endif
#endif

// The exponent (from - to)/T of a change of maximum, from <= to.
EQP_HD float rescale_exponent(float from, float to, float inverse_temperature) {
  const float exponent = (from - to) * inverse_temperature;
  return exponent < kSmallestExponent ? kSmallestExponent : exponent;
}

EQP_HD SoftmaxState moved(const SoftmaxState& state, float max, float inverse_temperature) {
  const float c = rescale_exponent(state.max, max, inverse_temperature);
  const float factor = exp_nonpositive(c);
  return SoftmaxState{max, factor * state.sum, factor * factor * state.sum_2x,
                      factor * (state.weighted + c * state.sum)};
}

EQP_HD SoftmaxState merge(const SoftmaxState& a, const SoftmaxState& b, float inverse_temperature) {
  const float max = max_or_second(a.max, b.max);
  const SoftmaxState x = moved(a, max, inverse_temperature);
  const SoftmaxState y = moved(b, max, inverse_temperature);
  return SoftmaxState{max, x.sum + y.sum, x.sum_2x + y.sum_2x, x.weighted + y.weighted};
}

// (p / T) (g + h (l + entropy)) of one vector of logits, before the target's own term; the minus sign
// is the caller's. p / T first: it is finite where h / T times the entropy's part is not, and 0 where
// p is.
template <bool with_entropy, class V>
EQP_HD V softmax_gradient(V logits, float inverse_temperature, TwoFloats scaled_log_sum_exp,
                          float d_log_prob, float d_entropy, float entropy) {
  const V log_p = (logits - scaled_log_sum_exp.high - scaled_log_sum_exp.low) * inverse_temperature;
  const V p = probability(log_p) * inverse_temperature;
  V weight = broadcast<V>(d_log_prob);
  if (with_entropy) {
    const V bounded = max_or_second(broadcast<V>(kSmallestExponent), log_p);
    weight = weight + d_entropy * (bounded + entropy);
  }
  return p * weight;
}

}  // namespace EQP_ISA
}  // namespace eqp
