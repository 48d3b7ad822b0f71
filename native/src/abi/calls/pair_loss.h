// What pair_loss hands to a backend.
#pragma once

#include "abi/views.h"
#include "equipoise/pair_loss.h"

namespace eqp {

struct PairLoss {
  eqp_pair_loss_options options;
  struct Side {  // chosen or rejected
    Matrix policy;
    Matrix reference;  // may be absent
    Matrix mask;
    Matrix d_policy;  // may be absent
    void* rewards;    // may be null
  } chosen, rejected;
  const void* pair_weights;  // may be null
  bool has_sft, sorts;  // a term of kind SFT; a term that sorts, for which there is a workspace
  void* loss;
  void* pair_losses;  // may be null
  void* metrics;      // may be null
  Stream stream;
};

// Bytes of workspace per pair (on CUDA after the ones that every op needs) for losses that sort.
constexpr uint64_t kPairSortBytes = 96;

}  // namespace eqp
