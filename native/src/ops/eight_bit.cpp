// eqp_eight_bit: see equipoise/perturbation.h.
#include "abi/calls/eight_bit.h"

#include "ops/images.h"
#include "ops/options/perturbation.h"

using namespace eqp;

void eqp_eight_bit_options_init(eqp_eight_bit_options* options) {
  if (options != nullptr) *options = eight_bit_defaults();
}

eqp_status eqp_eight_bit(const eqp_eight_bit_options* options, const eqp_tensor* pixels,
                         const eqp_tensor* original, const eqp_tensor* out, const eqp_tensor* codes,
                         const eqp_launch* launch) {
  Call call("eqp_eight_bit");
  EightBit arguments;
  EQP_TRY(call.options(options, eight_bit_defaults, &arguments.options));
  EQP_TRY(check_fields(call, arguments.options, kEightBitFields));
  EQP_TRY(image_input(&call, "pixels", pixels, kPixels));
  EQP_TRY(check_pixel_space(call, arguments.options.pixel_space, *pixels));
  const unsigned dtype = dtype_bit(pixels->dtype);
  if (original == nullptr && isfinite(arguments.options.epsilon)) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "original: expected a tensor because epsilon is finite (%g), found NULL",
                     static_cast<double>(arguments.options.epsilon));
  }
  if (out == nullptr && codes == nullptr) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "out, codes: expected at least one of them, found NULL for both");
  }
  EQP_TRY(image_input(&call, "original", original, dtype, "pixels", pixels));
  EQP_TRY(image_output(&call, "out", out, dtype, "pixels", pixels));
  EQP_TRY(image_output(&call, "codes", codes, kU8, "pixels", pixels));
  call.allow_in_place(out, pixels);
  EQP_TRY(call.disjoint());
  EQP_TRY(call.launch(launch, &arguments.stream, 0));
  arguments.pixels = images_view(pixels);
  arguments.original = images_view(isfinite(arguments.options.epsilon) ? original : nullptr);
  arguments.out = images_view(out);
  arguments.codes = images_view(codes);
  EQP_DISPATCH(call, eight_bit, arguments);
}
