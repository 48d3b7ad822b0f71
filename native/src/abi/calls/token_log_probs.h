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
  Vector log_sum_exp;  // f32 or f64; may be absent, as the next
  Vector log_sum_exp_2x;
  float* entropy;  // may be null
  Stream stream;
};

struct TokenLogProbsBackward {
  eqp_token_log_probs_options options;
  Matrix logits;
  Vector bias;  // may be absent: zeros
  Vector targets;
  Vector log_sum_exp;        // f32 or f64
  const float* entropy;      // may be null when d_entropy is
  const float* d_log_probs;  // may be null
  const float* d_entropy;    // may be null
  Matrix d_logits;
  Stream stream;
};

}  // namespace eqp
