// Fields of eqp_pair_loss_options; terms, kinds and weights, which speak of each other, are checked by the op.
#pragma once

#include "equipoise/pair_loss.h"
#include "ops/fields.h"

namespace eqp {

#define EQP_OPTIONS eqp_pair_loss_options
inline constexpr Field<EQP_OPTIONS> kPairLossFields[] = {
    EQP_FIELD(terms, 1, "1 to 8", o.terms >= 1 && o.terms <= EQP_PAIR_LOSS_MAX_TERMS),
    EQP_FIELD(beta, 0.1, kPositive, is_positive(o.beta)),
    EQP_FIELD(label_smoothing, 0, "0 <= value < 0.5",
              o.label_smoothing >= 0 && o.label_smoothing < 0.5),
    EQP_CHOICE(divergence, EQP_PAIR_DIVERGENCE_REVERSE_KL, EQP_PAIR_DIVERGENCES),
    EQP_FIELD(reserved, 0, "0", o.reserved == 0),
    EQP_FIELD(divergence_alpha, 0.5, kFinite, is_finite(o.divergence_alpha)),
    EQP_FIELD(ld_alpha, 1, "0 <= value <= 1", o.ld_alpha >= 0 && o.ld_alpha <= 1),
    EQP_FIELD(simpo_gamma, 0.5, kFinite, is_finite(o.simpo_gamma)),
    EQP_FIELD(simpo_alpha, 0, kFinite, is_finite(o.simpo_alpha)),
    EQP_FIELD(discopop_tau, 0.05, kPositive, is_positive(o.discopop_tau)),
};
#undef EQP_OPTIONS

inline eqp_pair_loss_options pair_loss_defaults() {
  eqp_pair_loss_options options = defaults_of(kPairLossFields);
  options.kinds[0] = EQP_PAIR_LOSS_SIGMOID;
  for (double& weight : options.weights) weight = 1;
  return options;
}

}  // namespace eqp
