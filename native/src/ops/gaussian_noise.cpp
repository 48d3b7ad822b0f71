// eqp_gaussian_noise and eqp_diffusion_scales: see equipoise/gaussian_noise.h.
#define EQP_ISA portable  // of the one formula that runs here
#include "abi/calls/gaussian_noise.h"

#include "math/gaussian_noise.h"
#include "ops/images.h"
#include "ops/options/perturbation.h"

using namespace eqp;

void eqp_gaussian_noise_options_init(eqp_gaussian_noise_options* options) {
  if (options != nullptr) *options = gaussian_noise_defaults();
}

eqp_status eqp_gaussian_noise(const eqp_gaussian_noise_options* options, const eqp_tensor* images,
                              const eqp_tensor* streams, const eqp_tensor* out,
                              const eqp_launch* launch) {
  Call call("eqp_gaussian_noise");
  GaussianNoise arguments;
  EQP_TRY(call.options(options, gaussian_noise_defaults, &arguments.options));
  const eqp_gaussian_noise_options& o = arguments.options;
  EQP_TRY(check_fields(call, o, kGaussianNoiseFields));
  EQP_TRY(image_input(&call, "images", images, kPixels));
  EQP_TRY(check_pixel_space(call, o.pixel_space, *images));
  if (o.pixel_space.copies > 1) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "pixel_space.copies: expected 0 or 1, found %d; add the noise before the "
                     "images are packed into patches",
                     o.pixel_space.copies);
  }
  EQP_TRY(call.optional_input("streams", streams, kI64, 1, 1));
  EQP_TRY(call.vector_shape("streams", streams, images->shape[0], "the images"));
  EQP_TRY(required(call, "out", out));
  EQP_TRY(image_output(&call, "out", out, dtype_bit(images->dtype), "images", images));
  call.allow_in_place(out, images);
  EQP_TRY(call.disjoint());
  EQP_TRY(call.launch(launch, &arguments.stream, 0));
  arguments.images = images_view(images);
  arguments.out = images_view(out);
  arguments.streams = data_of<const int64_t>(streams);
  EQP_DISPATCH(call, gaussian_noise, arguments);
}

eqp_status eqp_diffusion_scales(int32_t step, float* signal, float* deviation) {
  const Call call("eqp_diffusion_scales");
  if (step < 0 || step >= portable::kDiffusionSteps) {
    return call.fail(EQP_INVALID_ARGUMENT, "step: expected 0 to %d, found %d",
                     portable::kDiffusionSteps - 1, step);
  }
  if (signal == nullptr || deviation == nullptr) {
    return call.fail(EQP_INVALID_ARGUMENT, "%s: expected an address, found NULL",
                     signal == nullptr ? "signal" : "deviation");
  }
  const double kept = portable::diffusion_kept(step);
  *signal = static_cast<float>(__builtin_sqrt(kept));
  *deviation = static_cast<float>(__builtin_sqrt(1 - kept));
  return EQP_OK;
}
