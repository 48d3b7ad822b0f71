// Checks of what the perturbation ops share: images, their pixel space, radii and bounds.
#pragma once

#include <math.h>

#include "equipoise/perturbation.h"
#include "ops/dispatch.h"

namespace eqp {

constexpr unsigned kPixels = kF32 | kBF16 | kF16;

inline eqp_status check_pixel_space(const Call& call, const eqp_pixel_space& space,
                                    const eqp_tensor& images) {
  if (space.copies < 0 ||
      (space.copies > 1 && (images.ndim != 4 || images.shape[2] != space.copies))) {
    return call.fail(
        EQP_INVALID_ARGUMENT,
        "pixel_space.copies: expected 0, 1 or, for images [rows, channels, copies, n], "
        "their dimension 2; found %d for %d dimensions, dimension 2 being %lld",
        space.copies, images.ndim, static_cast<long long>(images.shape[2]));
  }
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
inline eqp_status check_planes(const Call& call, const char* name, const eqp_tensor* tensor) {
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

inline eqp_status image_input(Call* call, const char* name, const eqp_tensor* tensor,
                              unsigned dtypes) {
  EQP_TRY(call->input(name, tensor, dtypes, 3, 4));
  return check_planes(*call, name, tensor);
}

// Of the shape of `like`.
inline eqp_status image_input(Call* call, const char* name, const eqp_tensor* tensor,
                              unsigned dtypes, const char* like_name, const eqp_tensor* like) {
  if (tensor == nullptr) return EQP_OK;
  EQP_TRY(image_input(call, name, tensor, dtypes));
  return call->same_shape(name, tensor, like_name, like);
}

inline eqp_status image_output(Call* call, const char* name, const eqp_tensor* tensor,
                               unsigned dtypes, const char* like_name, const eqp_tensor* like) {
  if (tensor == nullptr) return EQP_OK;
  EQP_TRY(call->output(name, tensor, dtypes, 3, 4));
  EQP_TRY(check_planes(*call, name, tensor));
  return call->same_shape(name, tensor, like_name, like);
}

inline eqp_status required(const Call& call, const char* name, const eqp_tensor* tensor) {
  if (tensor != nullptr) return EQP_OK;
  return call.fail(EQP_INVALID_ARGUMENT, "%s: expected a tensor, found NULL", name);
}

// u8 or bool of the shape of `like`, whose dimension 1 may be 1 here.
inline eqp_status image_mask(Call* call, const eqp_tensor* mask, const char* like_name,
                             const eqp_tensor* like) {
  if (mask == nullptr) return EQP_OK;
  EQP_TRY(image_input(call, "mask", mask, kMask));
  int64_t shape[EQP_MAX_DIMS];
  for (int i = 0; i < like->ndim; ++i) shape[i] = like->shape[i];
  if (mask->ndim == like->ndim && mask->shape[1] == 1) shape[1] = 1;
  return call->shape("mask", mask, like->ndim, shape, like_name);
}

// Rows that belong to no image are known without the offsets' values, and no launch would report them.
inline eqp_status image_offsets(Call* call, const eqp_tensor* offsets, const eqp_tensor& images) {
  EQP_TRY(call->optional_input("offsets", offsets, kIndex, 1, 1));
  const int64_t needed = images.shape[0] > 0 ? 2 : 1;
  if (offsets == nullptr || offsets->shape[0] >= needed) return EQP_OK;
  return call->fail(EQP_INVALID_ARGUMENT,
                    "offsets: expected images + 1 entries, at least %lld for %lld rows, found %lld",
                    static_cast<long long>(needed), static_cast<long long>(images.shape[0]),
                    static_cast<long long>(offsets->shape[0]));
}

inline Images images_view(const eqp_tensor* tensor, const eqp_pixel_space& space = {}) {
  Images view;
  if (tensor == nullptr) return view;
  view.data = tensor->data;
  view.dtype = tensor->dtype;
  view.copies = space.copies > 1 ? space.copies : 1;
  view.images = tensor->shape[0];
  view.channels = tensor->shape[1];
  view.plane = tensor->shape[2] * (tensor->ndim == 4 ? tensor->shape[3] : 1) / view.copies;
  view.image_stride = tensor->stride[0];
  view.channel_stride = tensor->stride[1];
  return view;
}

// With one channel it stands for all of them.
inline Images mask_view(const eqp_tensor* mask, const eqp_pixel_space& space) {
  Images view = images_view(mask, space);
  if (view.channels == 1) view.channel_stride = 0;
  return view;
}

inline ImageRows rows_view(const eqp_tensor* offsets, const eqp_tensor& images) {
  ImageRows view;
  view.offsets = vector_view(offsets);
  view.images = offsets == nullptr ? images.shape[0] : offsets->shape[0] - 1;
  return view;
}

}  // namespace eqp
