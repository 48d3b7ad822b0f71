// The oracle of unpaired_loss: the formulas of unpaired_loss.h in long double.
#pragma once

#include <vector>

#include "conformance/bounded.h"
#include "equipoise/unpaired_loss.h"

namespace eqp::test {

struct UnpairedProblem {
  struct Answers {
    int64_t rows = 0, tokens = 0;
    std::vector<double> policy, reference, mask;  // an empty reference: zeros, mask: ones
  };
  Answers answers, mismatched;
  std::vector<double> labels;
  std::vector<double> weights;  // empty: ones
  double reward_mean = 0, reward_count = 0;
};

struct UnpairedOracle {
  struct Row {
    Bounded log_prob, reward, loss;
    Bounded slope;          // of the batch's loss by each of the row's unmasked tokens
    bool left_out = false;  // its log-ratio is NaN
    bool is_finite = true;  // its reward
  };
  std::vector<Row> rows;
  Bounded loss, kl, reward_mean;
  double reward_count = 0;
};

// roundoff: of the arithmetic that takes the sums of tokens.
UnpairedOracle unpaired_oracle(const UnpairedProblem& problem,
                               const eqp_unpaired_loss_options& options, Real roundoff);

// The loss of a row with this log-ratio when the batch's reference point is held fixed.
Real unpaired_loss_of(const eqp_unpaired_loss_options& options, Real log_ratio, bool desirable,
                      Real weight, Real reference_point);

}  // namespace eqp::test
