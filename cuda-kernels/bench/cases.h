// What is measured: every op of the C ABI, on the shapes that matter.
#pragma once

#include "equipoise/types.h"
#include "runner.h"

namespace eqp::bench {

void measure_token_log_probs(Runner& runner, eqp_dtype dtype);
void measure_perturbation(Runner& runner, eqp_dtype dtype);
void measure_losses(Runner& runner, eqp_dtype dtype);
void measure_group_advantage(Runner& runner);

}  // namespace eqp::bench
