// What policy_loss hands to a backend.
#pragma once

#include "abi/views.h"
#include "equipoise/policy_loss.h"

namespace eqp {

struct PolicyLoss {
  eqp_policy_loss_options options;
  Matrix log_probs;
  Matrix old_log_probs;        // may be absent
  Matrix reference_log_probs;  // may be absent
  Matrix sampler_log_probs;    // may be absent
  Matrix advantages;           // columns == 1 and row_stride == 1 when one per sequence
  bool advantages_per_token;
  Matrix mask;
  const uint8_t* truncated;       // may be null
  Vector sequence_weights;        // may be absent
  Matrix entropy;                 // may be absent
  const void* entropy_threshold;  // may be null
  void* loss;
  void* sequence_losses;  // may be null
  void* metrics;          // may be null
  Matrix d_log_probs;     // may be absent
  Matrix d_entropy;       // may be absent
  Stream stream;
};

}  // namespace eqp
