// eqp_translation_invariance: see equipoise/translation_invariance.h.
#include "abi/calls/translation_invariance.h"

#include "ops/images.h"

using namespace eqp;

namespace {

constexpr float kMostDeviations = 12;  // beyond, the edge's weight is no normal float

eqp_translation_invariance_options defaults() {
  eqp_translation_invariance_options options = {};
  options.size = sizeof(options);
  options.kernel = EQP_BLUR_GAUSSIAN;
  options.length = 15;
  options.deviations = 3;
  return options;
}

eqp_status check_options(const Call& call, const eqp_translation_invariance_options& o) {
  if (o.kernel < EQP_BLUR_GAUSSIAN || o.kernel > EQP_BLUR_LINEAR) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "kernel: expected EQP_BLUR_GAUSSIAN (1), EQP_BLUR_UNIFORM (2) or "
                     "EQP_BLUR_LINEAR (3), found %d",
                     o.kernel);
  }
  if (o.length < 1 || o.length > EQP_BLUR_MAX_LENGTH || o.length % 2 == 0) {
    return call.fail(EQP_INVALID_ARGUMENT, "length: expected an odd number from 1 to %d, found %d",
                     EQP_BLUR_MAX_LENGTH, o.length);
  }
  if (!(o.deviations > 0 && o.deviations <= kMostDeviations)) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "deviations: expected more than 0 and at most %g, found %g",
                     static_cast<double>(kMostDeviations), static_cast<double>(o.deviations));
  }
  return EQP_OK;
}

}  // namespace

void eqp_translation_invariance_options_init(eqp_translation_invariance_options* options) {
  if (options != nullptr) *options = defaults();
}

eqp_status eqp_translation_invariance(const eqp_translation_invariance_options* options,
                                      const eqp_tensor* gradient, const eqp_tensor* out,
                                      const eqp_launch* launch) {
  Call call("eqp_translation_invariance");
  TranslationInvariance arguments;
  EQP_TRY(call.options(options, defaults, &arguments.options));
  EQP_TRY(check_options(call, arguments.options));
  EQP_TRY(call.input("gradient", gradient, kPixels, 4, 4));
  EQP_TRY(check_planes(call, "gradient", gradient));
  EQP_TRY(required(call, "out", out));
  EQP_TRY(image_output(&call, "out", out, dtype_bit(gradient->dtype), "gradient", gradient));
  EQP_TRY(call.disjoint());
  EQP_TRY(call.launch(launch, &arguments.stream, 0));
  arguments.gradient = images_view(gradient);
  arguments.out = images_view(out);
  arguments.height = gradient->shape[2];
  arguments.width = gradient->shape[3];
  EQP_DISPATCH(call, translation_invariance, arguments);
}
