// eqp_uniform_start: see equipoise/perturbation.h.
#include "abi/calls/uniform_start.h"

#include "ops/images.h"
#include "ops/options/perturbation.h"

using namespace eqp;

void eqp_uniform_start_options_init(eqp_uniform_start_options* options) {
  if (options != nullptr) *options = uniform_start_defaults();
}

eqp_status eqp_uniform_start_workspace_size(const eqp_tensor* original, uint64_t* bytes) {
  Call call("eqp_uniform_start_workspace_size");
  EQP_TRY(image_input(&call, "original", original, kPixels));
  return call.workspace_size(bytes);
}

eqp_status eqp_uniform_start(const eqp_uniform_start_options* options, const eqp_tensor* original,
                             const eqp_tensor* streams, const eqp_tensor* mask,
                             const eqp_tensor* offsets, const eqp_tensor* out,
                             const eqp_launch* launch) {
  Call call("eqp_uniform_start");
  UniformStart arguments;
  EQP_TRY(call.options(options, uniform_start_defaults, &arguments.options));
  EQP_TRY(check_fields(call, arguments.options, kUniformStartFields));
  const eqp_uniform_start_options& o = arguments.options;
  EQP_TRY(image_input(&call, "original", original, kPixels));
  EQP_TRY(check_pixel_space(call, o.pixel_space, *original));
  EQP_TRY(image_mask(&call, mask, "original", original));
  EQP_TRY(image_offsets(&call, offsets, *original));
  arguments.rows = rows_view(offsets, *original);
  EQP_TRY(call.optional_input("streams", streams, kI64, 1, 1));
  EQP_TRY(call.vector_shape("streams", streams, arguments.rows.images, "the images of original"));
  EQP_TRY(required(call, "out", out));
  EQP_TRY(image_output(&call, "out", out, dtype_bit(original->dtype), "original", original));
  call.allow_in_place(out, original);
  EQP_TRY(call.disjoint());
  EQP_TRY(call.launch(launch, &arguments.stream));
  arguments.original = images_view(original, o.pixel_space);
  arguments.mask = mask_view(mask, o.pixel_space);
  arguments.out = images_view(out, o.pixel_space);
  arguments.streams = data_of<const int64_t>(streams);
  EQP_DISPATCH(call, uniform_start, arguments);
}
