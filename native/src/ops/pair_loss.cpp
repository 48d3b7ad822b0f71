// eqp_pair_loss: see equipoise/pair_loss.h.
#include "abi/calls/pair_loss.h"

#include <math.h>

#include "ops/dispatch.h"
#include "ops/options/pair_loss.h"

using namespace eqp;

namespace {

struct Kind {
  eqp_pair_loss_kind value;
  const char* name;
  int label_smoothing;
  bool divergence, reference, sorts;
};
#define EQP_KIND(name, value, smoothing, divergence, reference, sorts) \
  Kind{value, #name, smoothing, (divergence) != 0, (reference) != 0, (sorts) != 0},
const Kind kKinds[] = {EQP_PAIR_LOSS_KINDS(EQP_KIND)};
#undef EQP_KIND

const Kind* kind_of(eqp_pair_loss_kind value) {
  for (const Kind& kind : kKinds) {
    if (kind.value == value) return &kind;
  }
  return nullptr;
}

bool sorts(const eqp_pair_loss_options& options) {
  for (int k = 0; k < options.terms; ++k) {
    if (kind_of(options.kinds[k])->sorts) return true;
  }
  return false;
}

uint64_t sort_bytes(const eqp_pair_loss_options& options, int64_t pairs) {
  return sorts(options) ? static_cast<uint64_t>(pairs) * kPairSortBytes : 0;
}

eqp_status check_terms(const Call& call, const eqp_pair_loss_options& options) {
  for (int k = 0; k < EQP_PAIR_LOSS_MAX_TERMS; ++k) {
    if (k >= options.terms && options.kinds[k] != 0) {
      return call.fail(EQP_INVALID_ARGUMENT, "kinds[%d]: expected 0 beyond %d terms, found %d", k,
                       options.terms, options.kinds[k]);
    }
    if (k < options.terms && kind_of(options.kinds[k]) == nullptr) {
      return call.fail(EQP_INVALID_ARGUMENT,
                       "kinds[%d]: expected a value of EQP_PAIR_LOSS_KINDS, found %d", k,
                       options.kinds[k]);
    }
    if (k < options.terms && !isfinite(options.weights[k])) {
      return call.fail(EQP_INVALID_ARGUMENT, "weights[%d]: expected a finite number, found %g", k,
                       options.weights[k]);
    }
  }
  return EQP_OK;
}

// Options that a term cannot take.
eqp_status check_combination(const Call& call, const eqp_pair_loss_options& options) {
  bool smoothing_is_used = false, simpo = false;
  for (int k = 0; k < options.terms; ++k) {
    const Kind& kind = *kind_of(options.kinds[k]);
    smoothing_is_used = smoothing_is_used || kind.label_smoothing != 0;
    simpo = simpo || kind.value == EQP_PAIR_LOSS_SIMPO;
    if (kind.label_smoothing == 2 && options.label_smoothing == 0) {
      return call.fail(EQP_INVALID_ARGUMENT,
                       "label_smoothing: expected a number > 0 for %s (its paper recommends 1e-3), "
                       "found 0",
                       kind.name);
    }
    if (options.divergence != EQP_PAIR_DIVERGENCE_REVERSE_KL && !kind.divergence) {
      return call.fail(
          EQP_INVALID_ARGUMENT,
          "divergence: expected REVERSE_KL for %s, whose formula is no function of the "
          "difference of the scores alone, found %d",
          kind.name, options.divergence);
    }
  }
  if (options.label_smoothing != 0 && !smoothing_is_used) {
    return call.fail(EQP_INVALID_ARGUMENT, "label_smoothing: expected 0 for %s, found %g",
                     kind_of(options.kinds[0])->name, options.label_smoothing);
  }
  if (options.simpo_alpha != 0 && !simpo) {
    return call.fail(EQP_INVALID_ARGUMENT, "simpo_alpha: expected 0 without a SIMPO term, found %g",
                     options.simpo_alpha);
  }
  return EQP_OK;
}

eqp_status check_options(const Call& call, const eqp_pair_loss_options& options) {
  EQP_TRY(check_fields(call, options, kPairLossFields));
  EQP_TRY(check_terms(call, options));
  return check_combination(call, options);
}

// Tensors that a term cannot take.
eqp_status check_optional_tensors(const Call& call, const eqp_pair_loss_options& options,
                                  bool reference, bool weights) {
  for (int k = 0; k < options.terms; ++k) {
    const Kind& kind = *kind_of(options.kinds[k]);
    if (reference && !kind.reference) {
      return call.fail(EQP_INVALID_ARGUMENT,
                       "reference_chosen: expected NULL for %s, which has no reference, found a "
                       "tensor",
                       kind.name);
    }
    if (weights && kind.sorts) {
      return call.fail(EQP_INVALID_ARGUMENT,
                       "pair_weights: expected NULL for %s, which sorts the pairs, found a tensor",
                       kind.name);
    }
  }
  return EQP_OK;
}

struct SideTensors {
  const char *policy_name, *reference_name, *mask_name, *d_policy_name, *rewards_name;
  const eqp_tensor *policy, *reference, *mask, *d_policy, *rewards;
};

eqp_status check_side_inputs(Call* call, const SideTensors& side, eqp_dtype dtype, int64_t pairs) {
  if (side.policy->shape[0] != pairs) {
    return call->fail(EQP_INVALID_ARGUMENT,
                      "%s: expected %lld pairs (from policy_chosen), found %lld", side.policy_name,
                      static_cast<long long>(pairs), static_cast<long long>(side.policy->shape[0]));
  }
  EQP_TRY(call->optional_input(side.reference_name, side.reference, dtype_bit(dtype), 2, 2));
  EQP_TRY(call->same_shape(side.reference_name, side.reference, side.policy_name, side.policy));
  EQP_TRY(call->input(side.mask_name, side.mask, kMask, 2, 2));
  return call->same_shape(side.mask_name, side.mask, side.policy_name, side.policy);
}

eqp_status check_side_outputs(Call* call, const SideTensors& side, unsigned scalar, int64_t pairs) {
  EQP_TRY(call->optional_output(side.rewards_name, side.rewards, scalar, 1, 1));
  EQP_TRY(call->vector_shape(side.rewards_name, side.rewards, pairs, "the number of pairs"));
  EQP_TRY(call->optional_output(side.d_policy_name, side.d_policy, dtype_bit(side.policy->dtype), 2,
                                2));
  return call->same_shape(side.d_policy_name, side.d_policy, side.policy_name, side.policy);
}

PairLoss::Side side_view(const SideTensors& side) {
  PairLoss::Side view;
  view.policy = matrix_view(side.policy);
  view.reference = matrix_view(side.reference);
  view.mask = matrix_view(side.mask);
  view.d_policy = matrix_view(side.d_policy);
  view.rewards = data_of<void>(side.rewards);
  return view;
}

}  // namespace

void eqp_pair_loss_options_init(eqp_pair_loss_options* options) {
  if (options != nullptr) *options = pair_loss_defaults();
}

eqp_status eqp_pair_loss_workspace_size(const eqp_pair_loss_options* options,
                                        const eqp_tensor* policy_chosen, uint64_t* bytes) {
  Call call("eqp_pair_loss_workspace_size");
  eqp_pair_loss_options known;
  EQP_TRY(call.options(options, pair_loss_defaults, &known));
  EQP_TRY(check_options(call, known));
  EQP_TRY(call.input("policy_chosen", policy_chosen, kF32 | kF64 | kBF16 | kF16, 2, 2));
  return call.workspace_size(bytes, sort_bytes(known, policy_chosen->shape[0]));
}

eqp_status eqp_pair_loss(const eqp_pair_loss_options* options, const eqp_tensor* policy_chosen,
                         const eqp_tensor* policy_rejected, const eqp_tensor* reference_chosen,
                         const eqp_tensor* reference_rejected, const eqp_tensor* mask_chosen,
                         const eqp_tensor* mask_rejected, const eqp_tensor* pair_weights,
                         const eqp_tensor* loss, const eqp_tensor* pair_losses,
                         const eqp_tensor* rewards_chosen, const eqp_tensor* rewards_rejected,
                         const eqp_tensor* metrics, const eqp_tensor* d_policy_chosen,
                         const eqp_tensor* d_policy_rejected, const eqp_launch* launch) {
  Call call("eqp_pair_loss");
  PairLoss arguments;
  EQP_TRY(call.options(options, pair_loss_defaults, &arguments.options));
  EQP_TRY(check_options(call, arguments.options));
  EQP_TRY(call.input("policy_chosen", policy_chosen, kF32 | kF64 | kBF16 | kF16, 2, 2));
  const eqp_dtype dtype = policy_chosen->dtype;
  const int64_t pairs = policy_chosen->shape[0];
  EQP_TRY(call.input("policy_rejected", policy_rejected, dtype_bit(dtype), 2, 2));
  if ((reference_chosen == nullptr) != (reference_rejected == nullptr)) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "%s: expected both references or none, found NULL for this one",
                     reference_chosen == nullptr ? "reference_chosen" : "reference_rejected");
  }
  EQP_TRY(check_optional_tensors(call, arguments.options, reference_chosen != nullptr,
                                 pair_weights != nullptr));
  const SideTensors chosen = {
      "policy_chosen", "reference_chosen", "mask_chosen", "d_policy_chosen", "rewards_chosen",
      policy_chosen,   reference_chosen,   mask_chosen,   d_policy_chosen,   rewards_chosen};
  const SideTensors rejected = {"policy_rejected",   "reference_rejected", "mask_rejected",
                                "d_policy_rejected", "rewards_rejected",   policy_rejected,
                                reference_rejected,  mask_rejected,        d_policy_rejected,
                                rewards_rejected};
  EQP_TRY(check_side_inputs(&call, chosen, dtype, pairs));
  EQP_TRY(check_side_inputs(&call, rejected, dtype, pairs));
  const unsigned scalar = dtype == EQP_F64 ? kF64 : kF32;
  EQP_TRY(call.optional_input("pair_weights", pair_weights, scalar, 1, 1));
  EQP_TRY(call.vector_shape("pair_weights", pair_weights, pairs, "the number of pairs"));
  EQP_TRY(call.scalar_output("loss", loss, scalar));
  EQP_TRY(call.optional_output("pair_losses", pair_losses, scalar, 1, 1));
  EQP_TRY(call.vector_shape("pair_losses", pair_losses, pairs, "the number of pairs"));
  EQP_TRY(call.optional_output("metrics", metrics, scalar, 1, 1));
  EQP_TRY(call.vector_shape("metrics", metrics, EQP_PAIR_METRIC_COUNT, "EQP_PAIR_METRIC_COUNT"));
  EQP_TRY(check_side_outputs(&call, chosen, scalar, pairs));
  EQP_TRY(check_side_outputs(&call, rejected, scalar, pairs));
  EQP_TRY(call.disjoint());
  arguments.sorts = sorts(arguments.options);
  EQP_TRY(call.launch(launch, &arguments.stream, kCudaWorkspaceBytes,
                      sort_bytes(arguments.options, pairs)));
  arguments.has_sft = false;
  for (int k = 0; k < arguments.options.terms; ++k) {
    arguments.has_sft = arguments.has_sft || arguments.options.kinds[k] == EQP_PAIR_LOSS_SFT;
  }
  arguments.pair_weights = data_of<void>(pair_weights);
  arguments.chosen = side_view(chosen);
  arguments.rejected = side_view(rejected);
  arguments.loss = loss->data;
  arguments.pair_losses = data_of<void>(pair_losses);
  arguments.metrics = data_of<void>(metrics);
  EQP_DISPATCH(call, pair_loss, arguments);
}
