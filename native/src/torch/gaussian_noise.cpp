#include "equipoise/gaussian_noise.h"

#include "equipoise/torch.h"
#include "torch/images.h"

using namespace eqp::torch;

eqp_status eqp_torch_gaussian_noise(const eqp_gaussian_noise_options* options, const void* images,
                                    const void* streams, void* out) {
  Arguments call("eqp_gaussian_noise");
  EQP_TORCH_TRY(call.begin());
  const eqp_tensor* x = call.required("images", images);
  const eqp_tensor* s = call.view("streams", streams);
  EQP_TORCH_TRY(need_images(call, "images", x));
  const eqp_tensor* y = images_like(call, "out", out, x, x->dtype);
  Launch launch;
  EQP_TORCH_TRY(launch.prepare(call, x, no_workspace));
  return from_equipoise(eqp_gaussian_noise(options, x, s, y, launch.get()));
}
