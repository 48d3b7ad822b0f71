// Fields of eqp_unpaired_loss_options.
#pragma once

#include "equipoise/unpaired_loss.h"
#include "ops/fields.h"

namespace eqp {

#define EQP_OPTIONS eqp_unpaired_loss_options
inline constexpr Field<EQP_OPTIONS> kUnpairedLossFields[] = {
    EQP_CHOICE(kind, EQP_UNPAIRED_LOSS_KTO, EQP_UNPAIRED_LOSS_KINDS),
    EQP_FIELD(update_reward_mean, 1, "0 or 1",
              o.update_reward_mean == 0 || o.update_reward_mean == 1),
    EQP_FIELD(reserved, 0, "0", o.reserved == 0),
    EQP_FIELD(beta, 0.1, kPositive, is_positive(o.beta)),
    EQP_FIELD(desirable_weight, 1, kFinite, is_finite(o.desirable_weight)),
    EQP_FIELD(undesirable_weight, 1, kFinite, is_finite(o.undesirable_weight)),
};
#undef EQP_OPTIONS

inline eqp_unpaired_loss_options unpaired_loss_defaults() {
  return defaults_of(kUnpairedLossFields);
}

}  // namespace eqp
