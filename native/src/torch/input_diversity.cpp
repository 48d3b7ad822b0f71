#include "equipoise/input_diversity.h"

#include "equipoise/torch.h"
#include "torch/images.h"

using namespace eqp::torch;

extern "C" {

eqp_status eqp_torch_input_diversity_forward(const eqp_input_diversity_options* options,
                                             const void* images, const void* streams, void* out) {
  Arguments call("eqp_input_diversity_forward");
  EQP_TORCH_TRY(call.begin());
  const eqp_tensor* x = call.required("images", images);
  const eqp_tensor* s = call.view("streams", streams);
  EQP_TORCH_TRY(need_images(call, "images", x));
  const eqp_tensor* y = images_like(call, "out", out, x, x->dtype);
  Launch launch;
  EQP_TORCH_TRY(launch.prepare(call, x, no_workspace));
  return from_equipoise(eqp_input_diversity_forward(options, x, s, y, launch.get()));
}

eqp_status eqp_torch_input_diversity_backward(const eqp_input_diversity_options* options,
                                              const void* d_out, const void* streams,
                                              void* d_images) {
  Arguments call("eqp_input_diversity_backward");
  EQP_TORCH_TRY(call.begin());
  const eqp_tensor* dy = call.required("d_out", d_out);
  const eqp_tensor* s = call.view("streams", streams);
  EQP_TORCH_TRY(need_images(call, "d_out", dy));
  const eqp_tensor* dx = images_like(call, "d_images", d_images, dy, dy->dtype);
  Launch launch;
  EQP_TORCH_TRY(launch.prepare(call, dy, no_workspace));
  return from_equipoise(eqp_input_diversity_backward(options, dy, s, dx, launch.get()));
}

}  // extern "C"
