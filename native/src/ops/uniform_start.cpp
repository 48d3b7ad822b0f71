// eqp_uniform_start: see equipoise/perturbation.h.
#include "ops/images.h"

using namespace eqp;

namespace {

eqp_uniform_start_options uniform_start_defaults() {
  eqp_uniform_start_options options = {};
  options.size = sizeof(options);
  options.epsilon = 8.0f / 255.0f;
  options.lower = 0.0f;
  options.upper = 1.0f;
  return options;
}

}  // namespace

void eqp_uniform_start_options_init(eqp_uniform_start_options* options) {
  if (options != nullptr) *options = uniform_start_defaults();
}

eqp_status eqp_uniform_start(const eqp_uniform_start_options* options, const eqp_tensor* original,
                             const eqp_tensor* streams, const eqp_tensor* out,
                             const eqp_launch* launch) {
  Call call("eqp_uniform_start");
  UniformStart arguments;
  EQP_TRY(call.options(options, uniform_start_defaults, &arguments.options));
  EQP_TRY(check_not_negative(call, "epsilon", arguments.options.epsilon, false));
  EQP_TRY(check_bounds(call, arguments.options.lower, arguments.options.upper));
  EQP_TRY(image_input(&call, "original", original, kPixels));
  EQP_TRY(check_pixel_space(call, arguments.options.pixel_space, *original));
  EQP_TRY(call.optional_input("streams", streams, kI64, 1, 1));
  EQP_TRY(call.vector_shape("streams", streams, original->shape[0], "the images of original"));
  EQP_TRY(required(call, "out", out));
  EQP_TRY(image_output(&call, "out", out, dtype_bit(original->dtype), "original", original));
  call.allow_in_place(out, original);
  EQP_TRY(call.disjoint());
  EQP_TRY(call.launch(launch, &arguments.stream, 0));
  arguments.original = images_view(original);
  arguments.out = images_view(out);
  arguments.streams = data_of<const int64_t>(streams);
  EQP_DISPATCH(call, uniform_start, arguments);
}
