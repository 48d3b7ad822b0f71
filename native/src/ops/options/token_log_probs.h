// Fields of eqp_token_log_probs_options.
#pragma once

#include "equipoise/token_log_probs.h"
#include "ops/fields.h"

namespace eqp {

// Also its inverse is one.
inline bool has_inverse(float x) { return is_positive(x) && is_finite(1.0f / x); }

#define EQP_OPTIONS eqp_token_log_probs_options
inline constexpr Field<EQP_OPTIONS> kTokenLogProbsFields[] = {
    EQP_FIELD(temperature, 1, "a finite number > 0 with a finite inverse",
              has_inverse(o.temperature)),
    EQP_FREE_FIELD(ignore_index, -100),
    EQP_FIELD(logit_scale, 1, "a finite number > 0 that stays one when divided by the temperature",
              is_positive(o.logit_scale) && is_positive(o.logit_scale / o.temperature)),
    EQP_FIELD(soft_cap, 0, "0 (none) or a finite number > 0 with a finite inverse",
              o.soft_cap == 0 || has_inverse(o.soft_cap)),
};
#undef EQP_OPTIONS

inline eqp_token_log_probs_options token_log_probs_defaults() {
  return defaults_of(kTokenLogProbsFields);
}

}  // namespace eqp
