#include "equipoise/policy_loss.h"

#include "equipoise/torch.h"
#include "torch/attach.h"
#include "torch/launch.h"

using namespace eqp::torch;

namespace {

// The inputs of one call as views, in the order of eqp_policy_loss.
struct Inputs {
  const eqp_tensor *log_probs, *old, *reference, *sampler, *advantages, *mask, *truncated, *weights,
      *entropy, *entropy_threshold;

  eqp_status call(const eqp_policy_loss_options* options, const eqp_tensor* loss,
                  const eqp_tensor* sequence_losses, const eqp_tensor* metrics,
                  const eqp_tensor* d_log_probs, const eqp_tensor* d_entropy,
                  Arguments& arguments) const {
    Launch launch;
    EQP_TORCH_TRY(launch.prepare(arguments, log_probs, [&](uint64_t* bytes) {
      return eqp_policy_loss_workspace_size(log_probs, bytes);
    }));
    return from_equipoise(eqp_policy_loss(
        options, log_probs, old, reference, sampler, advantages, mask, truncated, weights, entropy,
        entropy_threshold, loss, sequence_losses, metrics, d_log_probs, d_entropy, launch.get()));
  }
};

}  // namespace

extern "C" {

eqp_status eqp_torch_policy_loss_into(const eqp_policy_loss_options* options, const void* log_probs,
                                      const void* old_log_probs, const void* reference_log_probs,
                                      const void* sampler_log_probs, const void* advantages,
                                      const void* mask, const void* truncated,
                                      const void* sequence_weights, const void* entropy,
                                      const void* entropy_threshold, void* loss,
                                      void* sequence_losses, void* metrics, void* d_log_probs,
                                      void* d_entropy) {
  Arguments call("eqp_policy_loss");
  EQP_TORCH_TRY(call.begin());
  const Inputs inputs = {call.required("log_probs", log_probs),
                         call.view("old_log_probs", old_log_probs),
                         call.view("reference_log_probs", reference_log_probs),
                         call.view("sampler_log_probs", sampler_log_probs),
                         call.required("advantages", advantages),
                         call.required("mask", mask),
                         call.view("truncated", truncated),
                         call.view("sequence_weights", sequence_weights),
                         call.view("entropy", entropy),
                         call.view("entropy_threshold", entropy_threshold)};
  const eqp_tensor* value = call.view("loss", loss);
  const eqp_tensor* losses = call.view("sequence_losses", sequence_losses);
  const eqp_tensor* numbers = call.view("metrics", metrics);
  const eqp_tensor* d = call.view("d_log_probs", d_log_probs);
  const eqp_tensor* dh = call.view("d_entropy", d_entropy);
  return inputs.call(options, value, losses, numbers, d, dh, call);
}

eqp_status eqp_torch_policy_loss(const eqp_policy_loss_options* options, const void* log_probs,
                                 const void* old_log_probs, const void* reference_log_probs,
                                 const void* sampler_log_probs, const void* advantages,
                                 const void* mask, const void* truncated,
                                 const void* sequence_weights, const void* entropy,
                                 const void* entropy_threshold, void* loss, void* details) {
  Arguments call("eqp_policy_loss");
  EQP_TORCH_TRY(call.begin());
  const Inputs inputs = {call.required("log_probs", log_probs),
                         call.view("old_log_probs", old_log_probs),
                         call.view("reference_log_probs", reference_log_probs),
                         call.view("sampler_log_probs", sampler_log_probs),
                         call.required("advantages", advantages),
                         call.required("mask", mask),
                         call.view("truncated", truncated),
                         call.view("sequence_weights", sequence_weights),
                         call.view("entropy", entropy),
                         call.view("entropy_threshold", entropy_threshold)};
  EQP_TORCH_TRY(call.status());
  const eqp_tensor* p = inputs.log_probs;
  if (p->ndim != 2) {
    return fail(EQP_INVALID_ARGUMENT, call.op(),
                "log_probs: expected 2 dimensions [sequences, tokens], found %d", p->ndim);
  }
  const eqp_dtype dtype = p->dtype == EQP_F64 ? EQP_F64 : EQP_F32;
  const int64_t sequences = p->shape[0];
  const eqp_tensor* all =
      call.output("details", details, p, dtype, {EQP_POLICY_METRIC_COUNT + sequences});
  OwnedTensor gradient, entropy_gradient;
  const eqp_tensor* d = nullptr;
  const eqp_tensor* dh = nullptr;
  AttachedLoss attached;
  if (wants_gradient(log_probs)) d = call.allocate(gradient, p, p->dtype, p->ndim, p->shape);
  // Without a bonus the entropy only selects tokens.
  const eqp_tensor* h = inputs.entropy;
  const bool has_bonus = options != nullptr && options->entropy_coefficient != 0;
  if (has_bonus && h != nullptr && wants_gradient(entropy))
    dh = call.allocate(entropy_gradient, h, h->dtype, h->ndim, h->shape);
  EQP_TORCH_TRY(call.status());
  if (d != nullptr) EQP_TORCH_TRY(attached.add(call, log_probs, p, gradient));
  if (dh != nullptr) EQP_TORCH_TRY(attached.add(call, entropy, h, entropy_gradient));
  const eqp_tensor* value = attached.finish(call, loss, p, dtype);
  const eqp_tensor metrics = part(*all, 0, EQP_POLICY_METRIC_COUNT);
  const eqp_tensor losses = part(*all, EQP_POLICY_METRIC_COUNT, sequences);
  return inputs.call(options, value, &losses, &metrics, d, dh, call);
}

}  // extern "C"
