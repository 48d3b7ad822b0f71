// eqp_translation_invariance: see equipoise/translation_invariance.h.
#include "abi/calls/translation_invariance.h"

#include "ops/images.h"
#include "ops/options/perturbation.h"

using namespace eqp;

void eqp_translation_invariance_options_init(eqp_translation_invariance_options* options) {
  if (options != nullptr) *options = translation_invariance_defaults();
}

eqp_status eqp_translation_invariance(const eqp_translation_invariance_options* options,
                                      const eqp_tensor* gradient, const eqp_tensor* out,
                                      const eqp_launch* launch) {
  Call call("eqp_translation_invariance");
  TranslationInvariance arguments;
  EQP_TRY(call.options(options, translation_invariance_defaults, &arguments.options));
  EQP_TRY(check_fields(call, arguments.options, kTranslationInvarianceFields));
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
