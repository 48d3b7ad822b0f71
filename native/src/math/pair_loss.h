// From a pair's sums to its loss, rewards and slopes; shared by the backends.
#pragma once

#include "math/pair_loss_kinds.h"

namespace eqp {
namespace EQP_ISA {

// The sums over the tokens of one side of a pair.
struct PairSide {
  double log_prob;   // c, with ld_alpha
  double reference;  // c_ref, with ld_alpha
  double delta;      // c - c_ref as the sum of the tokens' differences: exact where they are close
  double plain;      // sum of the policy's log-probs, whatever ld_alpha
  double length;     // unmasked tokens
  int64_t shared;    // tokens (masked ones, too) from which on ld_alpha applies
};

// Adds the sums {log-probs, references, differences, unmasked tokens} of the tokens from PairSide::shared on.
EQP_HD void add_tail(double ld_alpha, const double* tail, PairSide* side) {
  side->plain += tail[0];
  side->length += tail[3];
  if (ld_alpha == 0) return;  // what is left out may be infinite
  side->log_prob += ld_alpha * tail[0];
  side->reference += ld_alpha * tail[1];
  side->delta += ld_alpha * tail[2];
}

// What a pair's loss needs from the rest of the batch.
struct PairBatch {
  PairMatch aot, aot_unpaired;
  double tokens_share;
};

struct PairResult {
  double loss;
  double reward_chosen, reward_rejected;
  // Derivatives by a token before and from PairSide::shared on.
  double chosen[2], rejected[2];
};

// f(x) and f'(x) of the divergence.
EQP_HD Slope divergence_score(const eqp_pair_loss_options& o, double x) {
  const double most = 80.0;  // e^80 squared is still a number
  if (o.divergence == EQP_PAIR_DIVERGENCE_FORWARD_KL) {
    const double e = exp(-x > most ? most : -x);
    return Slope{1.0 - e, -x > most ? 0.0 : e};
  }
  if (o.divergence == EQP_PAIR_DIVERGENCE_JS) {
    return Slope{0.6931471805599453 + log_sigmoid(x), sigmoid(-x)};
  }
  const double a = o.divergence_alpha - 1.0;
  if (o.divergence != EQP_PAIR_DIVERGENCE_ALPHA || abs(a) < 1e-6) return Slope{x, 1.0};
  const double t = a * x;
  const double bounded = t > most ? most : t;
  return Slope{expm1(bounded) / a, t > most ? 0.0 : exp(bounded)};
}

EQP_HD PairValue value_of_kind(eqp_pair_loss_kind kind, const eqp_pair_loss_options& o,
                               const PairInput& in) {
#define EQP_CASE(name, value_of_name, smoothing, divergence, reference, sorts) \
  if (kind == (value_of_name)) return PairLoss##name::value(o, in);
  EQP_PAIR_LOSS_KINDS(EQP_CASE)
#undef EQP_CASE
  return PairValue{kNaN, kNaN, kNaN, kNaN, kNaN};  // unreachable: the op has checked the kind
}

// A value that the compiler knows nothing about. Otherwise nvcc takes the formulas of all kinds, which
// do not change from term to term, out of the loop over the terms: hundreds of registers.
EQP_HD void hide(double* value) {
#if defined(__CUDA_ARCH__)
  asm volatile("" : "+d"(*value));
#else
  (void)value;
#endif
}

EQP_HD PairValue sum_of_terms(const eqp_pair_loss_options& o, const PairInput& in) {
  PairValue sum = {};
  for (int k = 0; k < o.terms; ++k) {
    const double weight = o.weights[k];
    if (weight == 0) continue;
    PairInput hidden = in;
    hide(&hidden.score_chosen);
    hide(&hidden.score_rejected);
    const PairValue term = value_of_kind(o.kinds[k], o, hidden);
    sum.loss += weight * term.loss;
    sum.d_chosen += weight * term.d_chosen;
    sum.d_rejected += weight * term.d_rejected;
    sum.batch_loss += weight * term.batch_loss;
    sum.d_token += weight * term.d_token;
  }
  return sum;
}

EQP_HD bool has_kind(const eqp_pair_loss_options& o, eqp_pair_loss_kind kind) {
  bool found = false;
  for (int k = 0; k < o.terms; ++k) found = found || o.kinds[k] == kind;
  return found;
}

EQP_HD double pair_reward(const eqp_pair_loss_options& o, double delta, double length) {
  if (has_kind(o, EQP_PAIR_LOSS_SIMPO)) {
    return o.beta * alpha_po_reward(o.simpo_alpha, delta / length).value;
  }
  return o.beta * (has_kind(o, EQP_PAIR_LOSS_ORPO) ? delta / length : delta);
}

// weight: of the pair.
EQP_HD PairResult pair_result(const eqp_pair_loss_options& o, const PairSide& chosen,
                              const PairSide& rejected, const PairBatch& batch, double weight) {
  const double delta_chosen = chosen.delta;
  const double delta_rejected = rejected.delta;
  const Slope score_chosen = divergence_score(o, delta_chosen);
  const Slope score_rejected = divergence_score(o, delta_rejected);
  PairInput in;
  in.score_chosen = score_chosen.value;
  in.score_rejected = score_rejected.value;
  in.length_chosen = chosen.length < 1 ? 1.0 : chosen.length;
  in.length_rejected = rejected.length < 1 ? 1.0 : rejected.length;
  in.empty = chosen.length < 1 || rejected.length < 1;
  in.aot = batch.aot;
  in.aot_unpaired = batch.aot_unpaired;
  in.negative_log_likelihood = -chosen.plain;
  in.tokens_share = batch.tokens_share;
  PairValue value = sum_of_terms(o, in);
  const bool left_out = weight == 0;  // what it holds may be anything
  if (left_out) value = PairValue{};
  const double slope_chosen = left_out ? 0.0 : weight * value.d_chosen * score_chosen.derivative;
  const double slope_rejected =
      left_out ? 0.0 : weight * value.d_rejected * score_rejected.derivative;
  PairResult result;
  result.loss = weight * value.loss + value.batch_loss;
  result.reward_chosen = pair_reward(o, delta_chosen, in.length_chosen);
  result.reward_rejected = pair_reward(o, delta_rejected, in.length_rejected);
  result.chosen[0] = slope_chosen + value.d_token;
  result.chosen[1] = o.ld_alpha * slope_chosen + value.d_token;
  result.rejected[0] = slope_rejected;
  result.rejected[1] = o.ld_alpha * slope_rejected;
  return result;
}

// Whether the pair with key a and index i comes before the one with b and j: NaN last, as LibTorch
// sorts.
EQP_HD bool sorts_before(double a, int64_t i, double b, int64_t j) {
  if (a < b) return true;
  if (b < a) return false;
  const bool a_is_nan = a != a, b_is_nan = b != b;
  if (a_is_nan != b_is_nan) return b_is_nan;
  return i < j;
}

}  // namespace EQP_ISA
}  // namespace eqp
