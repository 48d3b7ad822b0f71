// eqp_image_norms: see equipoise/perturbation.h.
#include "abi/calls/image_norms.h"

#include "ops/images.h"
#include "ops/options/perturbation.h"

using namespace eqp;

void eqp_image_norms_options_init(eqp_image_norms_options* options) {
  if (options != nullptr) *options = image_norms_defaults();
}

eqp_status eqp_image_norms_workspace_size(const eqp_tensor* values, uint64_t* bytes) {
  Call call("eqp_image_norms_workspace_size");
  EQP_TRY(image_input(&call, "values", values, kPixels));
  return call.workspace_size(bytes);
}

eqp_status eqp_image_norms(const eqp_image_norms_options* options, const eqp_tensor* values,
                           const eqp_tensor* minus, const eqp_tensor* mask,
                           const eqp_tensor* offsets, const eqp_tensor* norms,
                           const eqp_launch* launch) {
  Call call("eqp_image_norms");
  ImageNorms arguments;
  EQP_TRY(call.options(options, image_norms_defaults, &arguments.options));
  EQP_TRY(check_fields(call, arguments.options, kImageNormsFields));
  const eqp_image_norms_options& o = arguments.options;
  EQP_TRY(image_input(&call, "values", values, kPixels));
  EQP_TRY(check_pixel_space(call, o.pixel_space, *values));
  const unsigned dtype = dtype_bit(values->dtype);
  EQP_TRY(image_input(&call, "minus", minus, dtype, "values", values));
  EQP_TRY(image_mask(&call, mask, "values", values));
  EQP_TRY(image_offsets(&call, offsets, *values));
  arguments.rows = rows_view(offsets, *values);
  EQP_TRY(call.output("norms", norms, kF32, 2, 2));
  const int64_t shape[2] = {arguments.rows.images, EQP_NORM_COUNT};
  EQP_TRY(call.shape("norms", norms, 2, shape, "the images and their norms"));
  EQP_TRY(call.disjoint());
  EQP_TRY(call.launch(launch, &arguments.stream));
  arguments.values = images_view(values, o.pixel_space);
  arguments.minus = images_view(minus, o.pixel_space);
  arguments.mask = mask_view(mask, o.pixel_space);
  arguments.norms = matrix_view(norms);
  EQP_DISPATCH(call, image_norms, arguments);
}
