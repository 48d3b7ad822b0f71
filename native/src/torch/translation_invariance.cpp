#include "equipoise/translation_invariance.h"

#include "equipoise/torch.h"
#include "torch/images.h"

using namespace eqp::torch;

eqp_status eqp_torch_translation_invariance(const eqp_translation_invariance_options* options,
                                            const void* gradient, void* out) {
  Arguments call("eqp_translation_invariance");
  EQP_TORCH_TRY(call.begin());
  const eqp_tensor* g = call.required("gradient", gradient);
  EQP_TORCH_TRY(need_images(call, "gradient", g));
  const eqp_tensor* y = images_like(call, "out", out, g, g->dtype);
  Launch launch;
  EQP_TORCH_TRY(launch.prepare(call, g, no_workspace));
  return from_equipoise(eqp_translation_invariance(options, g, y, launch.get()));
}
