// The formulas of group_advantage.h in long double, with how far an f64 computation rounded to the
// tensors' dtype may be from them.
#pragma once

#include <vector>

#include "conformance/case.h"
#include "equipoise/group_advantage.h"

namespace eqp::test {

struct AdvantageProblem {
  eqp_dtype dtype = EQP_F32;
  eqp_group_advantage_options options;
  std::vector<int64_t> group_sizes;
  int64_t functions = 1;
  std::vector<double> rewards;    // [samples, functions], NaN: missing
  std::vector<double> weights;    // [functions], or empty: ones
  std::vector<double> lengths;    // [samples], or empty: ones
  std::vector<double> baselines;  // [samples], or empty

  int64_t samples() const { return static_cast<int64_t>(rewards.size()) / functions; }
};

struct AdvantageSolution {
  std::vector<Expected> advantages, group_mean, group_std, metrics;
  // Some reward is infinite: which non-number the figures become is not promised.
  bool infinite = false;
};

AdvantageSolution solve(const AdvantageProblem& problem);

}  // namespace eqp::test
