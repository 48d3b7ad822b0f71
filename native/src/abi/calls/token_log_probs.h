// What token_log_probs hands to a backend.
#pragma once

#include "abi/views.h"
#include "equipoise/token_log_probs.h"

namespace eqp {

struct TokenLogProbsForward {
  eqp_token_log_probs_options options;
  Matrix logits;
  Vector bias;  // may be absent: zeros
  Vector targets;
  float* log_probs;
  float* log_sum_exp;     // may be null
  float* log_sum_exp_2x;  // may be null
  float* entropy;         // may be null
  Stream stream;
};

struct TokenLogProbsBackward {
  eqp_token_log_probs_options options;
  Matrix logits;
  Vector bias;  // may be absent: zeros
  Vector targets;
  const float* log_sum_exp;
  const float* entropy;      // may be null when d_entropy is
  const float* d_log_probs;  // may be null
  const float* d_entropy;    // may be null
  Matrix d_logits;
  Stream stream;
};

}  // namespace eqp
