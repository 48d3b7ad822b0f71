// eqp_linf_step: see equipoise/perturbation.h.
#include "abi/calls/linf_step.h"

#include "ops/images.h"
#include "ops/options/perturbation.h"

using namespace eqp;

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
                         const eqp_tensor* momentum, const eqp_tensor* previous,
                         const eqp_tensor* mask, const eqp_tensor* offsets,
                         const eqp_tensor* step_sizes, const eqp_tensor* out,
                         const eqp_launch* launch) {
  Call call("eqp_linf_step");
  LinfStep arguments;
  EQP_TRY(call.options(options, linf_step_defaults, &arguments.options));
  EQP_TRY(check_fields(call, arguments.options, kLinfStepFields));
  const eqp_linf_step_options& o = arguments.options;
  EQP_TRY(image_input(&call, "pixels", pixels, kPixels));
  EQP_TRY(check_pixel_space(call, o.pixel_space, *pixels));
  const unsigned dtype = dtype_bit(pixels->dtype);
  EQP_TRY(required(call, "original", original));
  EQP_TRY(required(call, "gradient", gradient));
  EQP_TRY(required(call, "out", out));
  EQP_TRY(image_input(&call, "original", original, dtype, "pixels", pixels));
  EQP_TRY(image_input(&call, "gradient", gradient, dtype, "pixels", pixels));
  EQP_TRY(image_output(&call, "momentum", momentum, kF32, "pixels", pixels));
  EQP_TRY(image_input(&call, "previous", previous, dtype, "pixels", pixels));
  EQP_TRY(image_mask(&call, mask, "pixels", pixels));
  EQP_TRY(image_offsets(&call, offsets, *pixels));
  arguments.rows = rows_view(offsets, *pixels);
  EQP_TRY(call.optional_input("step_sizes", step_sizes, kF32, 1, 1));
  EQP_TRY(call.vector_shape("step_sizes", step_sizes, arguments.rows.images, "the images"));
  EQP_TRY(image_output(&call, "out", out, dtype, "pixels", pixels));
  call.allow_in_place(out, pixels);
  EQP_TRY(call.disjoint());
  EQP_TRY(call.launch(launch, &arguments.stream));
  arguments.pixels = images_view(pixels, o.pixel_space);
  arguments.original = images_view(original, o.pixel_space);
  arguments.gradient = images_view(gradient, o.pixel_space);
  arguments.momentum = images_view(momentum, o.pixel_space);
  arguments.previous = images_view(previous, o.pixel_space);
  arguments.mask = mask_view(mask, o.pixel_space);
  arguments.step_sizes = data_of<const float>(step_sizes);
  arguments.out = images_view(out, o.pixel_space);
  EQP_DISPATCH(call, linf_step, arguments);
}
