#include "equipoise/unpaired_loss.h"

#include "equipoise/torch.h"
#include "torch/attach.h"
#include "torch/launch.h"

using namespace eqp::torch;

namespace {

// The inputs of one call as views, in the order of eqp_unpaired_loss.
struct Inputs {
  const eqp_tensor *log_probs, *reference, *mask, *labels, *weights, *kl, *kl_reference, *kl_mask,
      *reward_mean;

  eqp_status call(const eqp_unpaired_loss_options* options, const eqp_tensor* loss,
                  const eqp_tensor* row_losses, const eqp_tensor* rewards,
                  const eqp_tensor* metrics, const eqp_tensor* new_reward_mean,
                  const eqp_tensor* d_log_probs, Arguments& arguments) const {
    Launch launch;
    EQP_TORCH_TRY(launch.prepare(arguments, log_probs, [&](uint64_t* bytes) {
      return eqp_unpaired_loss_workspace_size(log_probs, bytes);
    }));
    return from_equipoise(eqp_unpaired_loss(options, log_probs, reference, mask, labels, weights,
                                            kl, kl_reference, kl_mask, reward_mean, loss,
                                            row_losses, rewards, metrics, new_reward_mean,
                                            d_log_probs, launch.get()));
  }
};

Inputs inputs_of(Arguments& call, const void* log_probs, const void* reference_log_probs,
                 const void* mask, const void* labels, const void* row_weights,
                 const void* kl_log_probs, const void* kl_reference_log_probs, const void* kl_mask,
                 const void* reward_mean) {
  return {call.required("log_probs", log_probs),
          call.view("reference_log_probs", reference_log_probs),
          call.required("mask", mask),
          call.required("labels", labels),
          call.view("row_weights", row_weights),
          call.view("kl_log_probs", kl_log_probs),
          call.view("kl_reference_log_probs", kl_reference_log_probs),
          call.view("kl_mask", kl_mask),
          call.view("reward_mean", reward_mean)};
}

}  // namespace

extern "C" {

eqp_status eqp_torch_unpaired_loss_into(const eqp_unpaired_loss_options* options,
                                        const void* log_probs, const void* reference_log_probs,
                                        const void* mask, const void* labels,
                                        const void* row_weights, const void* kl_log_probs,
                                        const void* kl_reference_log_probs, const void* kl_mask,
                                        const void* reward_mean, void* loss, void* row_losses,
                                        void* rewards, void* metrics, void* new_reward_mean,
                                        void* d_log_probs) {
  Arguments call("eqp_unpaired_loss");
  EQP_TORCH_TRY(call.begin());
  const Inputs inputs = inputs_of(call, log_probs, reference_log_probs, mask, labels, row_weights,
                                  kl_log_probs, kl_reference_log_probs, kl_mask, reward_mean);
  const eqp_tensor* value = call.view("loss", loss);
  const eqp_tensor* losses = call.view("row_losses", row_losses);
  const eqp_tensor* of_rows = call.view("rewards", rewards);
  const eqp_tensor* numbers = call.view("metrics", metrics);
  const eqp_tensor* mean = call.view("new_reward_mean", new_reward_mean);
  const eqp_tensor* d = call.view("d_log_probs", d_log_probs);
  return inputs.call(options, value, losses, of_rows, numbers, mean, d, call);
}

eqp_status eqp_torch_unpaired_loss(const eqp_unpaired_loss_options* options, const void* log_probs,
                                   const void* reference_log_probs, const void* mask,
                                   const void* labels, const void* row_weights,
                                   const void* kl_log_probs, const void* kl_reference_log_probs,
                                   const void* kl_mask, const void* reward_mean, void* loss,
                                   void* details, void* new_reward_mean) {
  Arguments call("eqp_unpaired_loss");
  EQP_TORCH_TRY(call.begin());
  const Inputs inputs = inputs_of(call, log_probs, reference_log_probs, mask, labels, row_weights,
                                  kl_log_probs, kl_reference_log_probs, kl_mask, reward_mean);
  EQP_TORCH_TRY(call.status());
  const eqp_tensor* p = inputs.log_probs;
  if (p->ndim != 2) {
    return fail(EQP_INVALID_ARGUMENT, call.op(),
                "log_probs: expected 2 dimensions [rows, tokens], found %d", p->ndim);
  }
  const eqp_dtype dtype = p->dtype == EQP_F64 ? EQP_F64 : EQP_F32;
  const int64_t rows = p->shape[0];
  const eqp_tensor* all =
      call.output("details", details, p, dtype, {EQP_UNPAIRED_METRIC_COUNT + 2 * rows});
  const eqp_tensor* mean = call.output("new_reward_mean", new_reward_mean, p, EQP_F64, {2});
  OwnedTensor gradient;
  const eqp_tensor* d = nullptr;
  AttachedLoss attached;
  if (wants_gradient(log_probs)) d = call.allocate(gradient, p, p->dtype, p->ndim, p->shape);
  EQP_TORCH_TRY(call.status());
  if (d != nullptr) EQP_TORCH_TRY(attached.add(call, log_probs, p, gradient));
  const eqp_tensor* value = attached.finish(call, loss, p, dtype);
  const eqp_tensor metrics = part(*all, 0, EQP_UNPAIRED_METRIC_COUNT);
  const eqp_tensor losses = part(*all, EQP_UNPAIRED_METRIC_COUNT, rows);
  const eqp_tensor rewards = part(*all, EQP_UNPAIRED_METRIC_COUNT + rows, rows);
  return inputs.call(options, value, &losses, &rewards, &metrics, mean, d, call);
}

}  // extern "C"
