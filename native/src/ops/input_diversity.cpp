// eqp_input_diversity_forward and _backward: see equipoise/input_diversity.h.
#include "abi/calls/input_diversity.h"

#include "ops/images.h"
#include "ops/options/perturbation.h"

using namespace eqp;

namespace {

constexpr int64_t kLargestSide = 32767;

// Both directions: the options' draw, from one tensor to another.
eqp_status prepare(Call* call, const eqp_input_diversity_options* options, const char* in_name,
                   const eqp_tensor* in, const eqp_tensor* streams, const char* out_name,
                   const eqp_tensor* out, const eqp_launch* launch, InputDiversity* arguments) {
  EQP_TRY(call->options(options, input_diversity_defaults, &arguments->options));
  EQP_TRY(check_fields(*call, arguments->options, kInputDiversityFields));
  EQP_TRY(call->input(in_name, in, kPixels, 4, 4));
  EQP_TRY(check_planes(*call, in_name, in));
  if (in->shape[2] > kLargestSide || in->shape[3] > kLargestSide) {
    return call->fail(EQP_INVALID_ARGUMENT,
                      "%s: expected sides up to %lld pixels, found %lld x %lld", in_name,
                      static_cast<long long>(kLargestSide), static_cast<long long>(in->shape[2]),
                      static_cast<long long>(in->shape[3]));
  }
  EQP_TRY(call->optional_input("streams", streams, kI64, 1, 1));
  EQP_TRY(call->vector_shape("streams", streams, in->shape[0], in_name));
  EQP_TRY(required(*call, out_name, out));
  EQP_TRY(image_output(call, out_name, out, dtype_bit(in->dtype), in_name, in));
  EQP_TRY(call->disjoint());
  EQP_TRY(call->launch(launch, &arguments->stream, 0));
  arguments->in = images_view(in);
  arguments->out = images_view(out);
  arguments->height = static_cast<int32_t>(in->shape[2]);
  arguments->width = static_cast<int32_t>(in->shape[3]);
  arguments->streams = data_of<const int64_t>(streams);
  return EQP_OK;
}

}  // namespace

void eqp_input_diversity_options_init(eqp_input_diversity_options* options) {
  if (options != nullptr) *options = input_diversity_defaults();
}

eqp_status eqp_input_diversity_forward(const eqp_input_diversity_options* options,
                                       const eqp_tensor* images, const eqp_tensor* streams,
                                       const eqp_tensor* out, const eqp_launch* launch) {
  Call call("eqp_input_diversity_forward");
  InputDiversity arguments;
  EQP_TRY(prepare(&call, options, "images", images, streams, "out", out, launch, &arguments));
  EQP_DISPATCH(call, input_diversity_forward, arguments);
}

eqp_status eqp_input_diversity_backward(const eqp_input_diversity_options* options,
                                        const eqp_tensor* d_out, const eqp_tensor* streams,
                                        const eqp_tensor* d_images, const eqp_launch* launch) {
  Call call("eqp_input_diversity_backward");
  InputDiversity arguments;
  EQP_TRY(
      prepare(&call, options, "d_out", d_out, streams, "d_images", d_images, launch, &arguments));
  EQP_DISPATCH(call, input_diversity_backward, arguments);
}
