// The oracle of pair_loss: the formulas of pair_loss.h in long double, derivatives by dual numbers.
#pragma once

#include <vector>

#include "conformance/bounded.h"
#include "equipoise/pair_loss.h"

namespace eqp::test {

struct PairProblem {
  struct Side {
    int64_t tokens = 0;
    std::vector<double> policy, reference, mask;
  };
  int64_t pairs = 0;
  bool has_reference = true;
  Side chosen, rejected;
  std::vector<double> weights;  // empty: ones

  bool weighs(int64_t pair) const {
    return weights.empty() || weights[static_cast<size_t>(pair)] != 0;
  }
};

struct PairOracle {
  struct Side {
    Bounded log_prob, reward;
    Bounded slope[2];  // of the pair's loss by a token before and from `shared` on
    int64_t shared;
  };
  Side chosen, rejected;
  Bounded loss, margin;
  bool counts = true;  // in the metrics: its weight is not 0
  bool
      at_kink;  // of a hinge term, within the rounding error: the gradient may be that of either side
};

// roundoff: of the arithmetic that takes the sums of tokens.
std::vector<PairOracle> pair_oracle(const PairProblem& problem,
                                    const eqp_pair_loss_options& options, Real roundoff);

bool has_kind(const eqp_pair_loss_options& options, eqp_pair_loss_kind kind);

}  // namespace eqp::test
