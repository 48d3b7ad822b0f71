// eqp_linf_step: see equipoise/perturbation.h.
#include "ops/images.h"

using namespace eqp;

namespace {

eqp_linf_step_options linf_step_defaults() {
  eqp_linf_step_options options = {};
  options.size = sizeof(options);
  options.direction = EQP_DESCEND;
  options.epsilon = 8.0f / 255.0f;
  options.step_size = 2.0f / 255.0f;
  options.lower = 0.0f;
  options.upper = 1.0f;
  options.momentum_decay = 1.0f;
  return options;
}

}  // namespace

void eqp_linf_step_options_init(eqp_linf_step_options* options) {
  if (options != nullptr) *options = linf_step_defaults();
}

eqp_status eqp_linf_step_workspace_size(const eqp_tensor* pixels, uint64_t* bytes) {
  Call call("eqp_linf_step_workspace_size");
  EQP_TRY(image_input(&call, "pixels", pixels, kPixels));
  return call.workspace_size(bytes);
}

eqp_status eqp_linf_step(const eqp_linf_step_options* options, const eqp_tensor* pixels,
                         const eqp_tensor* original, const eqp_tensor* gradient,
                         const eqp_tensor* momentum, const eqp_tensor* out,
                         const eqp_launch* launch) {
  Call call("eqp_linf_step");
  LinfStep arguments;
  EQP_TRY(call.options(options, linf_step_defaults, &arguments.options));
  const eqp_linf_step_options& o = arguments.options;
  if (o.direction != EQP_DESCEND && o.direction != EQP_ASCEND) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "direction: expected EQP_DESCEND (-1) or EQP_ASCEND (1), found %d",
                     o.direction);
  }
  EQP_TRY(check_not_negative(call, "epsilon", o.epsilon, false));
  EQP_TRY(check_not_negative(call, "step_size", o.step_size, false));
  EQP_TRY(check_not_negative(call, "momentum_decay", o.momentum_decay, false));
  EQP_TRY(check_bounds(call, o.lower, o.upper));
  EQP_TRY(image_input(&call, "pixels", pixels, kPixels));
  EQP_TRY(check_pixel_space(call, o.pixel_space, *pixels));
  const unsigned dtype = dtype_bit(pixels->dtype);
  EQP_TRY(required(call, "original", original));
  EQP_TRY(required(call, "gradient", gradient));
  EQP_TRY(required(call, "out", out));
  EQP_TRY(image_input(&call, "original", original, dtype, "pixels", pixels));
  EQP_TRY(image_input(&call, "gradient", gradient, dtype, "pixels", pixels));
  EQP_TRY(image_output(&call, "momentum", momentum, kF32, "pixels", pixels));
  EQP_TRY(image_output(&call, "out", out, dtype, "pixels", pixels));
  call.allow_in_place(out, pixels);
  EQP_TRY(call.disjoint());
  EQP_TRY(call.launch(launch, &arguments.stream));
  arguments.pixels = images_view(pixels);
  arguments.original = images_view(original);
  arguments.gradient = images_view(gradient);
  arguments.momentum = images_view(momentum);
  arguments.out = images_view(out);
  EQP_DISPATCH(call, linf_step, arguments);
}
