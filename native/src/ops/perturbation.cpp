// eqp_linf_step, eqp_uniform_start, eqp_eight_bit: see equipoise/perturbation.h.
#include "equipoise/perturbation.h"

#include <math.h>

#include "ops/dispatch.h"

using namespace eqp;

namespace {

constexpr unsigned kPixels = kF32 | kBF16 | kF16;

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

eqp_uniform_start_options uniform_start_defaults() {
  eqp_uniform_start_options options = {};
  options.size = sizeof(options);
  options.epsilon = 8.0f / 255.0f;
  options.lower = 0.0f;
  options.upper = 1.0f;
  return options;
}

eqp_eight_bit_options eight_bit_defaults() {
  eqp_eight_bit_options options = {};
  options.size = sizeof(options);
  options.epsilon = HUGE_VALF;
  options.lower = 0.0f;
  options.upper = 1.0f;
  return options;
}

eqp_status check_not_negative(const Call& call, const char* name, float value,
                              bool infinite_allowed) {
  if (value >= 0 && (infinite_allowed || isfinite(value))) return EQP_OK;
  return call.fail(EQP_INVALID_ARGUMENT, "%s: expected a%s number >= 0, found %g", name,
                   infinite_allowed ? "" : " finite", static_cast<double>(value));
}

eqp_status check_bounds(const Call& call, float lower, float upper) {
  if (lower <= upper && isfinite(lower) && isfinite(upper)) return EQP_OK;
  return call.fail(EQP_INVALID_ARGUMENT,
                   "lower, upper: expected finite numbers with lower <= upper, found %g and %g",
                   static_cast<double>(lower), static_cast<double>(upper));
}

eqp_status check_pixel_space(const Call& call, const eqp_pixel_space& space,
                             const eqp_tensor& images) {
  if (space.channels == 0) return EQP_OK;
  if (space.channels < 0 || space.channels > EQP_MAX_CHANNELS) {
    return call.fail(EQP_INVALID_ARGUMENT, "pixel_space.channels: expected 0 to %d, found %d",
                     EQP_MAX_CHANNELS, space.channels);
  }
  if (space.channels != images.shape[1]) {
    return call.fail(EQP_INVALID_ARGUMENT,
                     "pixel_space.channels: expected the %lld channels of the images, found %d",
                     static_cast<long long>(images.shape[1]), space.channels);
  }
  for (int c = 0; c < space.channels; ++c) {
    if (!isfinite(space.mean[c]) || !isfinite(space.std[c]) || !(space.std[c] > 0)) {
      return call.fail(
          EQP_INVALID_ARGUMENT,
          "pixel_space: expected a finite mean and a finite std > 0, found mean %g and std "
          "%g in channel %d",
          static_cast<double>(space.mean[c]), static_cast<double>(space.std[c]), c);
    }
  }
  return EQP_OK;
}

// Image and channel strides are free; a channel plane must be contiguous.
eqp_status check_planes(const Call& call, const char* name, const eqp_tensor* tensor) {
  if (tensor == nullptr || tensor->ndim == 3) return EQP_OK;
  if (tensor->shape[2] > 1 && tensor->shape[3] >= 1 && tensor->stride[2] != tensor->shape[3]) {
    return call.fail(
        EQP_INVALID_ARGUMENT,
        "%s: expected contiguous channel planes, found row stride %lld for rows of %lld "
        "pixels; make the tensor contiguous first",
        name, static_cast<long long>(tensor->stride[2]), static_cast<long long>(tensor->shape[3]));
  }
  return EQP_OK;
}

eqp_status image_input(Call* call, const char* name, const eqp_tensor* tensor, unsigned dtypes) {
  EQP_TRY(call->input(name, tensor, dtypes, 3, 4));
  return check_planes(*call, name, tensor);
}

// Of the shape of `like`.
eqp_status image_input(Call* call, const char* name, const eqp_tensor* tensor, unsigned dtypes,
                       const char* like_name, const eqp_tensor* like) {
  if (tensor == nullptr) return EQP_OK;
  EQP_TRY(image_input(call, name, tensor, dtypes));
  return call->same_shape(name, tensor, like_name, like);
}

eqp_status image_output(Call* call, const char* name, const eqp_tensor* tensor, unsigned dtypes,
                        const char* like_name, const eqp_tensor* like) {
  if (tensor == nullptr) return EQP_OK;
  EQP_TRY(call->output(name, tensor, dtypes, 3, 4));
  EQP_TRY(check_planes(*call, name, tensor));
  return call->same_shape(name, tensor, like_name, like);
}

eqp_status required(const Call& call, const char* name, const eqp_tensor* tensor) {
  if (tensor != nullptr) return EQP_OK;
  return call.fail(EQP_INVALID_ARGUMENT, "%s: expected a tensor, found NULL", name);
}

Images images_view(const eqp_tensor* tensor) {
  Images view;
  if (tensor == nullptr) return view;
  view.data = tensor->data;
  view.dtype = tensor->dtype;
  view.images = tensor->shape[0];
  view.channels = tensor->shape[1];
  view.plane = tensor->shape[2] * (tensor->ndim == 4 ? tensor->shape[3] : 1);
  view.image_stride = tensor->stride[0];
  view.channel_stride = tensor->stride[1];
  return view;
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

void eqp_eight_bit_options_init(eqp_eight_bit_options* options) {
  if (options != nullptr) *options = eight_bit_defaults();
}

eqp_status eqp_eight_bit(const eqp_eight_bit_options* options, const eqp_tensor* pixels,
                         const eqp_tensor* original, const eqp_tensor* out, const eqp_tensor* codes,
                         const eqp_launch* launch) {
  Call call("eqp_eight_bit");
  EightBit arguments;
  EQP_TRY(call.options(options, eight_bit_defaults, &arguments.options));
  EQP_TRY(check_not_negative(call, "epsilon", arguments.options.epsilon, true));
  EQP_TRY(check_bounds(call, arguments.options.lower, arguments.options.upper));
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
