#include "equipoise/policy_loss.h"

#include "equipoise/torch.h"
#include "torch/attach.h"
#include "torch/launch.h"

using namespace eqp::torch;

extern "C" {

eqp_status eqp_torch_policy_loss_into(const eqp_policy_loss_options* options, const void* log_probs,
                                      const void* old_log_probs, const void* reference_log_probs,
                                      const void* advantages, const void* mask,
                                      const void* sequence_weights, void* loss,
                                      void* sequence_losses, void* metrics, void* d_log_probs) {
  Arguments call("eqp_policy_loss");
  EQP_TORCH_TRY(call.begin());
  const eqp_tensor* p = call.required("log_probs", log_probs);
  const eqp_tensor* old = call.view("old_log_probs", old_log_probs);
  const eqp_tensor* reference = call.view("reference_log_probs", reference_log_probs);
  const eqp_tensor* a = call.required("advantages", advantages);
  const eqp_tensor* m = call.required("mask", mask);
  const eqp_tensor* weights = call.view("sequence_weights", sequence_weights);
  const eqp_tensor* value = call.view("loss", loss);
  const eqp_tensor* losses = call.view("sequence_losses", sequence_losses);
  const eqp_tensor* numbers = call.view("metrics", metrics);
  const eqp_tensor* d = call.view("d_log_probs", d_log_probs);
  Launch launch;
  EQP_TORCH_TRY(launch.prepare(
      call, p, [&](uint64_t* bytes) { return eqp_policy_loss_workspace_size(p, bytes); }));
  return from_equipoise(eqp_policy_loss(options, p, old, reference, a, m, weights, value, losses,
                                        numbers, d, launch.get()));
}

eqp_status eqp_torch_policy_loss(const eqp_policy_loss_options* options, const void* log_probs,
                                 const void* old_log_probs, const void* reference_log_probs,
                                 const void* advantages, const void* mask,
                                 const void* sequence_weights, void* loss, void* details) {
  Arguments call("eqp_policy_loss");
  EQP_TORCH_TRY(call.begin());
  const eqp_tensor* p = call.required("log_probs", log_probs);
  const eqp_tensor* old = call.view("old_log_probs", old_log_probs);
  const eqp_tensor* reference = call.view("reference_log_probs", reference_log_probs);
  const eqp_tensor* a = call.required("advantages", advantages);
  const eqp_tensor* m = call.required("mask", mask);
  const eqp_tensor* weights = call.view("sequence_weights", sequence_weights);
  EQP_TORCH_TRY(call.status());
  if (p->ndim != 2) {
    return fail(EQP_INVALID_ARGUMENT, call.op(),
                "log_probs: expected 2 dimensions [sequences, tokens], found %d", p->ndim);
  }
  const eqp_dtype dtype = p->dtype == EQP_F64 ? EQP_F64 : EQP_F32;
  const int64_t sequences = p->shape[0];
  const eqp_tensor* all =
      call.output("details", details, p, dtype, {EQP_POLICY_METRIC_COUNT + sequences});
  OwnedTensor gradient;
  const eqp_tensor* d = nullptr;
  AttachedLoss attached;
  if (wants_gradient(log_probs)) d = call.allocate(gradient, p, p->dtype, p->ndim, p->shape);
  EQP_TORCH_TRY(call.status());
  if (d != nullptr) EQP_TORCH_TRY(attached.add(call, log_probs, p, gradient));
  const eqp_tensor* value = attached.finish(call, loss, p, dtype);
  Launch launch;
  EQP_TORCH_TRY(launch.prepare(
      call, p, [&](uint64_t* bytes) { return eqp_policy_loss_workspace_size(p, bytes); }));
  const eqp_tensor metrics = part(*all, 0, EQP_POLICY_METRIC_COUNT);
  const eqp_tensor losses = part(*all, EQP_POLICY_METRIC_COUNT, sequences);
  return from_equipoise(eqp_policy_loss(options, p, old, reference, a, m, weights, value, &losses,
                                        &metrics, d, launch.get()));
}

}  // extern "C"
