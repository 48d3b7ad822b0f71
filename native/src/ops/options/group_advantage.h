// Fields of eqp_group_advantage_options; what group_size must be depends on the tensors.
#pragma once

#include "equipoise/group_advantage.h"
#include "ops/fields.h"

namespace eqp {

#define EQP_OPTIONS eqp_group_advantage_options
inline constexpr Field<EQP_OPTIONS> kGroupAdvantageFields[] = {
    EQP_CHOICE(scale, EQP_ADVANTAGE_SCALE_GROUP, EQP_ADVANTAGE_SCALES),
    EQP_CHOICE(baseline, EQP_ADVANTAGE_BASELINE_MEAN, EQP_ADVANTAGE_BASELINES),
    EQP_CHOICE(aggregation, EQP_ADVANTAGE_AGGREGATION_SUM_THEN_NORMALIZE,
               EQP_ADVANTAGE_AGGREGATIONS),
    EQP_CHOICE(singleton, EQP_ADVANTAGE_SINGLETON_ZERO, EQP_ADVANTAGE_SINGLETONS),
    EQP_FIELD(ddof, 1, "0 or 1", o.ddof == 0 || o.ddof == 1),
    EQP_FIELD(epsilon, 1e-4, kNotNegative, is_not_negative(o.epsilon)),
    EQP_FIELD(variance_epsilon, 0, kNotNegative, is_not_negative(o.variance_epsilon)),
    EQP_FIELD(group_size, 0, "a number >= 0", o.group_size >= 0),
};
#undef EQP_OPTIONS

inline eqp_group_advantage_options group_advantage_defaults() {
  return defaults_of(kGroupAdvantageFields);
}

}  // namespace eqp
