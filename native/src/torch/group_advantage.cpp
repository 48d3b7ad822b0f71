#include "equipoise/group_advantage.h"

#include "equipoise/torch.h"
#include "torch/launch.h"

using namespace eqp::torch;

extern "C" eqp_status eqp_torch_group_advantage(const eqp_group_advantage_options* options,
                                                const void* rewards, const void* weights,
                                                const void* offsets, const void* lengths,
                                                const void* baselines, void* advantages,
                                                void* group_mean, void* group_std, void* metrics) {
  Arguments call("eqp_group_advantage");
  EQP_TORCH_TRY(call.begin());
  const eqp_tensor* r = call.required("rewards", rewards);
  const eqp_tensor* w = call.view("weights", weights);
  const eqp_tensor* o = call.view("offsets", offsets);
  const eqp_tensor* l = call.view("lengths", lengths);
  const eqp_tensor* b = call.view("baselines", baselines);
  EQP_TORCH_TRY(call.status());
  if (options == nullptr) return fail(EQP_INVALID_ARGUMENT, call.op(), "options: found NULL");
  if (r->ndim < 1) {
    return fail(EQP_INVALID_ARGUMENT, call.op(),
                "rewards: expected [samples] or [samples, functions], found 0 dimensions");
  }
  const int64_t samples = r->shape[0];
  int64_t groups = 0;
  if (o != nullptr) {
    groups = o->ndim == 1 && o->shape[0] > 0 ? o->shape[0] - 1 : 0;
  } else if (options->group_size > 0) {
    groups = samples / options->group_size;
  }
  const eqp_tensor* a = call.output("advantages", advantages, r, r->dtype, {samples});
  const eqp_tensor* mean = call.output("group_mean", group_mean, r, r->dtype, {groups});
  const eqp_tensor* deviation = call.output("group_std", group_std, r, r->dtype, {groups});
  const int64_t functions = r->ndim == 1 ? 1 : r->shape[1];
  const eqp_tensor* figures =
      call.output("metrics", metrics, r, r->dtype, {EQP_ADVANTAGE_METRIC_COUNT + 2 * functions});
  Launch launch;
  EQP_TORCH_TRY(launch.prepare(
      call, r, [&](uint64_t* bytes) { return eqp_group_advantage_workspace_size(r, bytes); }));
  return from_equipoise(
      eqp_group_advantage(options, r, w, o, l, b, a, mean, deviation, figures, launch.get()));
}
