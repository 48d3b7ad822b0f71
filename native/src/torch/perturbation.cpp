#include "equipoise/perturbation.h"

#include "equipoise/torch.h"
#include "torch/images.h"

using namespace eqp::torch;

extern "C" {

eqp_status eqp_torch_linf_step(const eqp_linf_step_options* options, const void* pixels,
                               const void* original, const void* gradient, void* momentum,
                               const void* previous, const void* mask, const void* offsets,
                               const void* step_sizes, void* out) {
  Arguments call("eqp_linf_step");
  EQP_TORCH_TRY(call.begin());
  const eqp_tensor* x = call.required("pixels", pixels);
  const eqp_tensor* x0 = call.required("original", original);
  const eqp_tensor* g = call.required("gradient", gradient);
  const eqp_tensor* m = call.view("momentum", momentum);
  const eqp_tensor* before = call.view("previous", previous);
  const eqp_tensor* where = call.view("mask", mask);
  const eqp_tensor* rows = call.view("offsets", offsets);
  const eqp_tensor* steps = call.view("step_sizes", step_sizes);
  EQP_TORCH_TRY(need_images(call, "pixels", x));
  const eqp_tensor* y = images_like(call, "out", out, x, x->dtype);
  Launch launch;
  EQP_TORCH_TRY(launch.prepare(
      call, x, [&](uint64_t* bytes) { return eqp_linf_step_workspace_size(x, bytes); }));
  return from_equipoise(
      eqp_linf_step(options, x, x0, g, m, before, where, rows, steps, y, launch.get()));
}

eqp_status eqp_torch_l2_step(const eqp_l2_step_options* options, const void* pixels,
                             const void* original, const void* gradient, const void* mask,
                             const void* offsets, const void* step_sizes, void* out) {
  Arguments call("eqp_l2_step");
  EQP_TORCH_TRY(call.begin());
  const eqp_tensor* x = call.required("pixels", pixels);
  const eqp_tensor* x0 = call.required("original", original);
  const eqp_tensor* g = call.required("gradient", gradient);
  const eqp_tensor* where = call.view("mask", mask);
  const eqp_tensor* rows = call.view("offsets", offsets);
  const eqp_tensor* steps = call.view("step_sizes", step_sizes);
  EQP_TORCH_TRY(need_images(call, "pixels", x));
  const eqp_tensor* y = images_like(call, "out", out, x, x->dtype);
  Launch launch;
  EQP_TORCH_TRY(launch.prepare(
      call, x, [&](uint64_t* bytes) { return eqp_l2_step_workspace_size(x, bytes); }));
  return from_equipoise(eqp_l2_step(options, x, x0, g, where, rows, steps, y, launch.get()));
}

eqp_status eqp_torch_uniform_start(const eqp_uniform_start_options* options, const void* original,
                                   const void* streams, const void* mask, const void* offsets,
                                   void* out) {
  Arguments call("eqp_uniform_start");
  EQP_TORCH_TRY(call.begin());
  const eqp_tensor* x0 = call.required("original", original);
  const eqp_tensor* s = call.view("streams", streams);
  const eqp_tensor* where = call.view("mask", mask);
  const eqp_tensor* rows = call.view("offsets", offsets);
  EQP_TORCH_TRY(need_images(call, "original", x0));
  const eqp_tensor* y = images_like(call, "out", out, x0, x0->dtype);
  Launch launch;
  EQP_TORCH_TRY(launch.prepare(
      call, x0, [&](uint64_t* bytes) { return eqp_uniform_start_workspace_size(x0, bytes); }));
  return from_equipoise(eqp_uniform_start(options, x0, s, where, rows, y, launch.get()));
}

eqp_status eqp_torch_image_norms(const eqp_image_norms_options* options, const void* values,
                                 const void* minus, const void* mask, const void* offsets,
                                 void* norms) {
  Arguments call("eqp_image_norms");
  EQP_TORCH_TRY(call.begin());
  const eqp_tensor* x = call.required("values", values);
  const eqp_tensor* x0 = call.view("minus", minus);
  const eqp_tensor* where = call.view("mask", mask);
  const eqp_tensor* rows = call.view("offsets", offsets);
  EQP_TORCH_TRY(need_images(call, "values", x));
  const int64_t images =
      rows == nullptr || rows->ndim != 1 || rows->shape[0] < 1 ? x->shape[0] : rows->shape[0] - 1;
  const eqp_tensor* y = call.output("norms", norms, x, EQP_F32, {images, EQP_NORM_COUNT});
  EQP_TORCH_TRY(call.status());
  Launch launch;
  EQP_TORCH_TRY(launch.prepare(
      call, x, [&](uint64_t* bytes) { return eqp_image_norms_workspace_size(x, bytes); }));
  return from_equipoise(eqp_image_norms(options, x, x0, where, rows, y, launch.get()));
}

eqp_status eqp_torch_eight_bit(const eqp_eight_bit_options* options, const void* pixels,
                               const void* original, void* out, void* codes) {
  Arguments call("eqp_eight_bit");
  EQP_TORCH_TRY(call.begin());
  const eqp_tensor* x = call.required("pixels", pixels);
  const eqp_tensor* x0 = call.view("original", original);
  EQP_TORCH_TRY(need_images(call, "pixels", x));
  const eqp_tensor* y = images_like(call, "out", out, x, x->dtype);
  const eqp_tensor* code = images_like(call, "codes", codes, x, EQP_U8);
  Launch launch;
  EQP_TORCH_TRY(launch.prepare(call, x, no_workspace));
  return from_equipoise(eqp_eight_bit(options, x, x0, y, code, launch.get()));
}

}  // extern "C"
