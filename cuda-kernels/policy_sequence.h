// A sequence of policy_loss as the lanes of its team see it, and what its tokens share.
#pragma once

#include "launch.h"
#include "math/policy_loss.h"
#include "rows.h"
#include "vector.h"

namespace eqp {
namespace cuda {

// The unmasked tokens of a sequence that the calling lane sees, and those among them that pass the
// entropy mask.
template <class Form, class S>
EQP_DEVICE void count_tokens(const PolicyLoss& call, int64_t sequence, int lane, int team,
                             double (&counts)[2]) {
  if (is_left_out<S>(call, sequence)) return;
  const uint8_t* const mask = row_of<uint8_t>(call.mask, sequence);
  const bool filters = !Form::kLean && call.entropy_threshold != nullptr;
  const S threshold = filters ? *static_cast<const S*>(call.entropy_threshold) : S(0);
  const S* const entropy = filters ? row_of<S>(call.entropy, sequence) : nullptr;
  int unmasked = 0, kept = 0;
  for (int64_t t = lane; t < call.mask.columns; t += team) {
    if (mask[t] == 0) continue;
    ++unmasked;
    if (!filters || entropy[t] >= threshold) ++kept;
  }
  counts[0] += static_cast<double>(unmasked);
  counts[1] += static_cast<double>(kept);
}

// One sequence as the lanes of its team see it. T: element, S: compute type.
template <class Form, class T, class S>
class Sequence {
 public:
  EQP_DEVICE_MEMBER Sequence(const PolicyLoss& call, int64_t sequence, int lane, int team)
      : call_(call),
        mask_(row_of<uint8_t>(call.mask, sequence)),
        log_probs_(row_of<T>(call.log_probs, sequence)),
        old_(row_or(call.old_log_probs, sequence, log_probs_)),
        reference_(row_or(call.reference_log_probs, sequence, log_probs_)),
        sampler_(row_or(call.sampler_log_probs, sequence, old_)),
        advantages_(row_of<S>(call.advantages, sequence)),
        entropy_(call.entropy.data == nullptr ? nullptr : row_of<S>(call.entropy, sequence)),
        columns_(is_left_out<S>(call, sequence) ? 0 : call.log_probs.columns),
        lane_(lane),
        team_(team) {}

  // visit(t, inputs) of the lane's unmasked tokens, skip(t) of its others.
  template <class Visit, class Skip>
  EQP_DEVICE_MEMBER void each(const Visit& visit, const Skip& skip) const {
    for (int64_t t = lane_; t < call_.log_probs.columns; t += team_) {
      if (t >= columns_ || mask_[t] == 0) {
        skip(t);
        continue;
      }
      PolicyInputs<S> x;
      x.log_prob = widen(log_probs_[t]);
      x.old_log_prob = widen(old_[t]);
      x.reference = widen(reference_[t]);
      x.advantage = advantages_[call_.advantages_per_token ? t : 0];
      x.sampler = Form::kLean ? S(0) : widen(sampler_[t]);
      x.entropy = Form::kLean || entropy_ == nullptr ? S(0) : entropy_[t];
      visit(t, x);
    }
  }

 private:
  EQP_DEVICE_MEMBER static const T* row_or(const Matrix& matrix, int64_t row, const T* otherwise) {
    return matrix.data == nullptr ? otherwise : row_of<T>(matrix, row);
  }

  const PolicyLoss& call_;
  const uint8_t* mask_;
  const T* log_probs_;
  const T* old_;
  const T* reference_;
  const T* sampler_;
  const S* advantages_;
  const S* entropy_;
  int64_t columns_;  // 0 of a sequence that is left out
  int lane_, team_;
};

// What the tokens of the sequence share. `gradient`: whether their slopes are wanted too.
template <class T, class S>
EQP_DEVICE PolicySequence<S> shared_facts(const PolicyLoss& call,
                                          const Sequence<GeneralForm, T, S>& sequence,
                                          const PolicyConstants<S>& constants, double length,
                                          bool gradient, int team) {
  S lane_facts[kFacts] = {};
  sequence.each(
      [&](int64_t, const PolicyInputs<S>& x) {
        S token[kFacts];
        policy_facts<GeneralForm>(x, constants, token);
#pragma unroll
        for (int k = 0; k < kFacts; ++k) lane_facts[k] += token[k];
      },
      [](int64_t) {});
  double facts[kFacts];
#pragma unroll
  for (int k = 0; k < kFacts; ++k) facts[k] = static_cast<double>(lane_facts[k]);
  team_sum(facts, team);
  PolicySequence<S> shared = policy_sequence<GeneralForm>(facts, length, call.options, constants);
  if (!gradient || !shares_slope<GeneralForm>(constants)) return shared;
  S lane_slope = 0;
  sequence.each(
      [&](int64_t, const PolicyInputs<S>& x) {
        lane_slope += policy_token<GeneralForm>(x, constants, shared).shared;
      },
      [](int64_t) {});
  double slope[1] = {static_cast<double>(lane_slope)};
  team_sum(slope, team);
  shared.slope = static_cast<S>(slope[0] / members_of<GeneralForm>(facts, length, constants));
  return shared;
}

}  // namespace cuda
}  // namespace eqp
