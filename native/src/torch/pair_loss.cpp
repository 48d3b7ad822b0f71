#include "equipoise/pair_loss.h"

#include "equipoise/torch.h"
#include "torch/attach.h"
#include "torch/launch.h"

using namespace eqp::torch;

extern "C" {

eqp_status eqp_torch_pair_loss_into(const eqp_pair_loss_options* options, const void* policy_chosen,
                                    const void* policy_rejected, const void* reference_chosen,
                                    const void* reference_rejected, const void* mask_chosen,
                                    const void* mask_rejected, const void* pair_weights, void* loss,
                                    void* pair_losses, void* rewards_chosen, void* rewards_rejected,
                                    void* metrics, void* d_policy_chosen, void* d_policy_rejected) {
  Arguments call("eqp_pair_loss");
  EQP_TORCH_TRY(call.begin());
  const eqp_tensor* c = call.required("policy_chosen", policy_chosen);
  const eqp_tensor* r = call.required("policy_rejected", policy_rejected);
  const eqp_tensor* reference_c = call.view("reference_chosen", reference_chosen);
  const eqp_tensor* reference_r = call.view("reference_rejected", reference_rejected);
  const eqp_tensor* mask_c = call.required("mask_chosen", mask_chosen);
  const eqp_tensor* mask_r = call.required("mask_rejected", mask_rejected);
  const eqp_tensor* weights = call.view("pair_weights", pair_weights);
  const eqp_tensor* value = call.view("loss", loss);
  const eqp_tensor* losses = call.view("pair_losses", pair_losses);
  const eqp_tensor* rewards_c = call.view("rewards_chosen", rewards_chosen);
  const eqp_tensor* rewards_r = call.view("rewards_rejected", rewards_rejected);
  const eqp_tensor* numbers = call.view("metrics", metrics);
  const eqp_tensor* dc = call.view("d_policy_chosen", d_policy_chosen);
  const eqp_tensor* dr = call.view("d_policy_rejected", d_policy_rejected);
  Launch launch;
  EQP_TORCH_TRY(launch.prepare(
      call, c, [&](uint64_t* bytes) { return eqp_pair_loss_workspace_size(options, c, bytes); }));
  return from_equipoise(eqp_pair_loss(options, c, r, reference_c, reference_r, mask_c, mask_r,
                                      weights, value, losses, rewards_c, rewards_r, numbers, dc, dr,
                                      launch.get()));
}

eqp_status eqp_torch_pair_loss(const eqp_pair_loss_options* options, const void* policy_chosen,
                               const void* policy_rejected, const void* reference_chosen,
                               const void* reference_rejected, const void* mask_chosen,
                               const void* mask_rejected, const void* pair_weights, void* loss,
                               void* details) {
  Arguments call("eqp_pair_loss");
  EQP_TORCH_TRY(call.begin());
  const eqp_tensor* c = call.required("policy_chosen", policy_chosen);
  const eqp_tensor* r = call.required("policy_rejected", policy_rejected);
  const eqp_tensor* reference_c = call.view("reference_chosen", reference_chosen);
  const eqp_tensor* reference_r = call.view("reference_rejected", reference_rejected);
  const eqp_tensor* mask_c = call.required("mask_chosen", mask_chosen);
  const eqp_tensor* mask_r = call.required("mask_rejected", mask_rejected);
  const eqp_tensor* weights = call.view("pair_weights", pair_weights);
  EQP_TORCH_TRY(call.status());
  if (c->ndim != 2) {
    return fail(EQP_INVALID_ARGUMENT, call.op(),
                "policy_chosen: expected 2 dimensions [pairs, tokens], found %d", c->ndim);
  }
  const eqp_dtype dtype = c->dtype == EQP_F64 ? EQP_F64 : EQP_F32;
  const int64_t pairs = c->shape[0];
  const eqp_tensor* all =
      call.output("details", details, c, dtype, {EQP_PAIR_METRIC_COUNT + 3 * pairs});
  OwnedTensor gradient_c, gradient_r;
  const eqp_tensor* dc = nullptr;
  const eqp_tensor* dr = nullptr;
  AttachedLoss attached;
  if (wants_gradient(policy_chosen)) dc = call.allocate(gradient_c, c, c->dtype, c->ndim, c->shape);
  if (wants_gradient(policy_rejected) && r->ndim <= EQP_MAX_DIMS) {
    dr = call.allocate(gradient_r, r, r->dtype, r->ndim, r->shape);
  }
  EQP_TORCH_TRY(call.status());
  if (dc != nullptr) EQP_TORCH_TRY(attached.add(call, policy_chosen, c, gradient_c));
  if (dr != nullptr) EQP_TORCH_TRY(attached.add(call, policy_rejected, r, gradient_r));
  const eqp_tensor* value = attached.finish(call, loss, c, dtype);
  Launch launch;
  EQP_TORCH_TRY(launch.prepare(
      call, c, [&](uint64_t* bytes) { return eqp_pair_loss_workspace_size(options, c, bytes); }));
  const eqp_tensor metrics = part(*all, 0, EQP_PAIR_METRIC_COUNT);
  const eqp_tensor losses = part(*all, EQP_PAIR_METRIC_COUNT, pairs);
  const eqp_tensor rewards_c = part(*all, EQP_PAIR_METRIC_COUNT + pairs, pairs);
  const eqp_tensor rewards_r = part(*all, EQP_PAIR_METRIC_COUNT + 2 * pairs, pairs);
  return from_equipoise(eqp_pair_loss(options, c, r, reference_c, reference_r, mask_c, mask_r,
                                      weights, value, &losses, &rewards_c, &rewards_r, &metrics, dc,
                                      dr, launch.get()));
}

}  // extern "C"
