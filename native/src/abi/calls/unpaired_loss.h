// What unpaired_loss hands to a backend.
#pragma once

#include "abi/views.h"
#include "equipoise/unpaired_loss.h"

namespace eqp {

struct UnpairedLoss {
  eqp_unpaired_loss_options options;
  struct Answers {
    Matrix log_probs;  // may be absent of the mismatched ones
    Matrix reference;  // may be absent
    Matrix mask;       // may be absent of the mismatched ones: every token
  } answers, mismatched;
  const uint8_t* labels;
  const void* row_weights;    // may be null
  const double* reward_mean;  // {m, n}; may be null
  void* loss;
  void* row_losses;         // may be null
  void* rewards;            // may be null
  void* metrics;            // may be null
  double* new_reward_mean;  // may be null
  Matrix d_log_probs;       // may be absent
  Stream stream;
};

// Bytes of a CUDA workspace before a double per row.
constexpr uint64_t kUnpairedPartialBytes = 24 * 1024;

}  // namespace eqp
