// Surrogates and KL estimates of policy_loss for one token, T = float, double or a vector of them.
//
//   q = e^w, w the log-ratio of the importance level; A = advantage
//   CLIP   f = -q A where no bound bites, df/dw = -q A;  -(1+eh) A where A > 0 and q > 1+eh;
//          -(1-el) A where A < 0 and q < 1-el;  -c A where A < 0 and q > c;  df/dw = 0 in all three
//   CISPO, VESPO   f = -g A lp, g held: df/dlp = -g A
//   SAPO   s = 1/(1 + e), e = exp(-tau (q - 1));  f = -4/tau A s,  df/dw = -4 A q s (1 - s)
//   GMPO   g = e^(mean of clipped w), f = -g A, df/d(mean) = -g A
//   KL     d = lp - ref:  k1 d, 1;  |d|, sign d;  d^2/2, d;  e^-d + d - 1, 1 - e^-d
//          unbiased: q times the estimate;  q k3 = e^(w - d) + q (d - 1),  dq/dlp = q:  q d of both slopes
#pragma once

#include "equipoise/policy_loss.h"
#include "math/elementary.h"

namespace eqp {
namespace EQP_ISA {

template <class T>
struct Surrogate {
  T value = {};
  T d_log_ratio = {};                               // through the log-ratio
  T d_log_prob = {};                                // through the log-prob while the weight is held
  T weight = {};                                    // what is held
  T clip_low = {}, clip_high = {}, dual_clip = {};  // 1 or 0
};

// a may be 0: then the product is 0 even where `ratio` is beyond the type's range. NaN stays NaN.
template <class T>
EQP_HD T times(T ratio, T a) {
  const T zero = {};
  return ((a == zero) & (ratio == ratio)) ? zero : ratio * a;
}

// NaN stays NaN.
template <class T, class S>
EQP_HD T clip(T x, S low, S high) {
  const T not_below = x < low ? broadcast<T>(low) : x;
  return not_below > high ? broadcast<T>(high) : not_below;
}

template <class T, class S>
EQP_HD T not_nan(T x, S instead) {
  return x == x ? x : broadcast<T>(instead);
}

template <bool kDual, class T, class S>
EQP_HD Surrogate<T> clipped_ratio(T ratio, T advantage, S low, S high, S dual) {
  const T zero = {}, one = zero + S(1);
  const auto below = (advantage < zero) & (ratio < low);
  const auto above = (advantage > zero) & (ratio > high);
  const T unclipped = -times(ratio, advantage);
  Surrogate<T> f;
  f.clip_low = below ? one : zero;
  f.clip_high = above ? one : zero;
  f.value = above ? -(high * advantage) : unclipped;
  f.value = below ? -(low * advantage) : f.value;
  f.d_log_ratio = (below | above) ? zero : unclipped;
  if (kDual) {
    const auto far_above = (advantage < zero) & (ratio > dual);
    f.dual_clip = far_above ? one : zero;
    f.value = far_above ? -(dual * advantage) : f.value;
    f.d_log_ratio = far_above ? zero : f.d_log_ratio;
  }
  return f;
}

template <class T>
EQP_HD Surrogate<T> held_weight(T weight, T advantage, T log_prob) {
  Surrogate<T> f;
  f.weight = weight;
  f.d_log_prob = -times(weight, advantage);
  f.value = times(log_prob, f.d_log_prob);
  return f;
}

template <class T, class S>
EQP_HD Surrogate<T> soft_gate(T ratio, T advantage, S tau_positive, S tau_negative) {
  const T zero = {}, one = zero + S(1);
  const auto gains = advantage > zero;
  const T tau = gains ? broadcast<T>(tau_positive) : broadcast<T>(tau_negative);
  const T height = gains ? broadcast<T>(S(4) / tau_positive) : broadcast<T>(S(4) / tau_negative);
  const T e = exp(tau * (one - ratio));
  const T gate = one / (one + e);
  // 1 - gate, without cancellation where the gate is nearly open and without Inf * 0 where it is
  // shut.
  const T shut = e < one ? e * gate : one - gate;
  Surrogate<T> f;
  f.value = -(advantage * gate * height);
  f.d_log_ratio = -(advantage * S(4) * times(ratio, gate * shut));
  return f;
}

template <class T>
struct KlEstimate {
  T value, slope;
};

// e^-d + d - 1 for |d| <= 1/2 without cancellation: d^2/2 (1 - d/3 (1 - d/4 (1 - ...))), whose first
// term left out is below a tenth of an ulp.
template <class S, class T>
EQP_HD T k3_series(T d) {
  constexpr int kLast = sizeof(S) == sizeof(float) ? 9 : 16;
  const T one = T{} + S(1);
  T rest = one;
  for (int k = kLast; k >= 3; --k) rest = one - d * (S(1) / static_cast<S>(k)) * rest;
  return d * d * S(0.5) * rest;
}

template <class S, class T>
EQP_HD KlEstimate<T> kl_estimate(eqp_policy_kl kind, T log_prob, T reference) {
  const T zero = {}, one = zero + S(1);
  const T d = log_prob - reference;
  if (kind == EQP_POLICY_KL_K1) return {d, one + (d - d)};
  if (kind == EQP_POLICY_KL_ABS) {
    return {d < zero ? -d : d, d < zero ? -one : (d > zero ? one : d)};
  }
  if (kind == EQP_POLICY_KL_K2) return {d * d * S(0.5), d};
  const T ratio_to_reference = exp(reference - log_prob);
  const T series = k3_series<S>(d);
  const auto near = (d < S(0.5)) & (d > S(-0.5));
  return {near ? series : ratio_to_reference + d - one,
          near ? d - series : one - ratio_to_reference};
}

// An estimate times q = e^w; `slope` is that of the estimate, q held.
//
// k3 of a reference far above the log-prob is beyond the type's range where q is below it, though
// their product is neither: there it is e^(w - d) + q (d - 1).
template <class S, class T>
EQP_HD KlEstimate<T> weighted_kl(eqp_policy_kl kind, KlEstimate<T> kl, T d, T ratio,
                                 T log_ratio_minus_d) {
  KlEstimate<T> product{times(ratio, kl.value), times(ratio, kl.slope)};
  if (kind != EQP_POLICY_KL_K3) return product;
  const T zero = {}, one = zero + S(1);
  const T power = exp(log_ratio_minus_d);
  const auto overflows = power == static_cast<S>(kInfinity);
  const auto far = d < -one;
  const T value = overflows ? power : power + times(ratio, d - one);
  const T slope = overflows ? -power : ratio - power;
  return {far ? value : product.value, far ? slope : product.slope};
}

}  // namespace EQP_ISA
}  // namespace eqp
