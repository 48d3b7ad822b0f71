// Formulas of policy_loss for one token, T = float, double or a vector of them.
//
//   q = exp(lp - old),  surrogate = -min(q A, clip(q, 1-el, 1+eh) A)
//     = -q A            where the clip does not bite
//     = -(1+eh) A       where A > 0 and q > 1+eh;   -(1-el) A where A < 0 and q < 1-el
//   d surrogate / d lp = -q A where the clip does not bite, else 0          (dq/dlp = q)
//   k3 = exp(d) - d - 1, d = ref - lp;   d k3 / d lp = 1 - exp(d)
#pragma once

#include "math/elementary.h"

namespace eqp {
namespace EQP_ISA {

template <class S>  // S: the scalar type
struct PolicyConstants {
  S ratio_low, ratio_high;  // 1 - epsilon_low, 1 + epsilon_high
  S kl_beta;
  S floor;  // negative_log_prob_floor
};

template <class T>
struct PolicyToken {
  T loss;        // surrogate + kl_beta k3
  T d_log_prob;  // d loss / d log_prob
  T ratio;
  T k3;
  T clip_low, clip_high, floored;  // 1 or 0
};

template <class T, class S>
EQP_HD PolicyToken<T> policy_token(T log_prob, T old_log_prob, T reference_log_prob, T advantage,
                                   const PolicyConstants<S>& constants) {
  const T zero = T{};
  const T one = zero + S(1);
  PolicyToken<T> token;
  token.ratio = exp(log_prob - old_log_prob);
  token.clip_low = ((advantage < zero) & (token.ratio < constants.ratio_low)) ? one : zero;
  token.clip_high = ((advantage > zero) & (token.ratio > constants.ratio_high)) ? one : zero;
  token.floored = ((advantage < zero) & (log_prob < constants.floor)) ? one : zero;
  // A = 0 gives 0 also where the ratio is beyond the type's range; a NaN ratio stays NaN.
  const T unclipped =
      ((advantage == zero) & (token.ratio == token.ratio)) ? zero : -(token.ratio * advantage);
  T surrogate = token.clip_high > zero ? -(constants.ratio_high * advantage) : unclipped;
  surrogate = token.clip_low > zero ? -(constants.ratio_low * advantage) : surrogate;
  surrogate = token.floored > zero ? zero : surrogate;
  const T slope = token.clip_low + token.clip_high + token.floored > zero ? zero : unclipped;
  // Without a reference the caller passes log_prob itself: k3 and its slope are exactly 0.
  const T difference = reference_log_prob - log_prob;
  const T ratio_to_reference = exp(difference);
  token.k3 = ratio_to_reference - difference - one;
  token.loss = surrogate;
  token.d_log_prob = slope;
  if (constants.kl_beta > S(0)) {
    token.loss = token.loss + constants.kl_beta * token.k3;
    token.d_log_prob = token.d_log_prob + constants.kl_beta * (one - ratio_to_reference);
  }
  return token;
}

}  // namespace EQP_ISA
}  // namespace eqp
