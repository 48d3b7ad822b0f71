// The formulas of policy_loss.h in long double, with bounds of the rounding error.
#pragma once

#include <vector>

#include "conformance/running_error.h"
#include "equipoise/policy_loss.h"

namespace eqp::test {

struct PolicyProblem {
  int64_t sequences = 0, tokens = 0;
  bool advantages_per_token = false;
  // [sequences, tokens]; empty: not given. What stops a gradient takes the log-probs from `held`:
  // equal to log_probs, unless an oracle's gradient is checked by differences.
  std::vector<double> log_probs, held, old_log_probs, reference, sampler, advantages, mask, entropy;
  std::vector<double> truncated, weights;  // [sequences]
  std::vector<double> threshold;           // [1]

  bool counts(int64_t sequence, int64_t token) const {
    const size_t i = static_cast<size_t>(sequence);
    return mask[at(sequence, token)] != 0 && (truncated.empty() || truncated[i] == 0) &&
           (weights.empty() || weights[i] != 0);
  }
  size_t at(int64_t sequence, int64_t token) const {
    return static_cast<size_t>(sequence * tokens + token);
  }
  double advantage(int64_t i, int64_t t) const {
    return advantages[advantages_per_token ? at(i, t) : static_cast<size_t>(i)];
  }
};

struct PolicyOracle {
  Tracked loss;
  std::vector<Tracked> sequence_losses;
  std::vector<Tracked> d_log_probs, d_entropy;  // masked tokens: 0
  Tracked metrics[EQP_POLICY_METRIC_COUNT];
};

// u: unit roundoff of the arithmetic; tiny: below it the arithmetic may give 0.
PolicyOracle policy_oracle(const PolicyProblem& problem, const eqp_policy_loss_options& options,
                           long double u, long double tiny);

}  // namespace eqp::test
