// What the cases of the perturbation ops share: image shapes, packed patches, masks and pixel spaces.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "conformance/conformance.h"
#include "equipoise/perturbation.h"
#include "harness/check.h"

namespace eqp::test {

struct ImageShape {
  int64_t images, channels, height, width;
  bool flat = false;               // [images, channels, height * width] instead of four dimensions
  int64_t copies = 1;              // height: the planes of dimension 2 are copies
  std::vector<int64_t> offsets{};  // rows of the images; empty: a row is an image

  std::vector<int64_t> dims() const {
    if (flat) return {images, channels, height * width};
    return {images, channels, height, width};
  }
  int contiguous_dims() const { return flat ? 1 : 2; }
  int64_t plane() const { return height * width; }
  int64_t size() const { return images * channels * plane(); }
  int64_t row_of(int64_t element) const { return element / (channels * plane()); }
  int64_t image_of(int64_t element) const {
    const int64_t row = row_of(element);
    int64_t image = offsets.empty() ? row : 0;
    while (!offsets.empty() && offsets[static_cast<size_t>(image) + 1] <= row) ++image;
    return image;
  }
  int64_t image_count() const {
    return offsets.empty() ? images : static_cast<int64_t>(offsets.size()) - 1;
  }
  // Elements from one copy of a pixel to the next; whether this is the first copy, and its pixel's.
  int64_t copy_stride() const { return plane() / copies; }
  int64_t copy_of(int64_t element) const {
    return plane() == 0 ? 0 : element % plane() / std::max<int64_t>(copy_stride(), 1);
  }
  int64_t first_copy(int64_t element) const { return element - copy_of(element) * copy_stride(); }
  std::vector<double> offset_values() const { return {offsets.begin(), offsets.end()}; }
  int64_t channel_of(int64_t element) const { return element / plane() % channels; }
};

// Of suite.large_cases: planes of 2^20 pixels; more images and more planes than 65 535.
inline const ImageShape kLargeShapes[] = {{1, 3, 1024, 1024}, {70001, 1, 1, 3}, {21846, 4, 3, 1}};

enum class Mask { kNone, kFull, kOneChannel, kNothing };

// A mask and what it says of an element of the images.
struct MaskValues {
  Mask kind;
  std::vector<double> values;
  bool at(const ImageShape& s, int64_t element) const {
    if (kind == Mask::kNone) return true;
    const int64_t first = s.first_copy(element);
    if (kind != Mask::kOneChannel) return values[static_cast<size_t>(first)] != 0;
    return values[static_cast<size_t>(s.row_of(first) * s.plane() + first % s.plane())] != 0;
  }
  std::vector<int64_t> dims(const ImageShape& s) const {
    std::vector<int64_t> shape = s.dims();
    if (kind == Mask::kOneChannel) shape[1] = 1;
    return shape;
  }
};

inline MaskValues draw_mask(Random& random, const ImageShape& s, Mask kind) {
  MaskValues mask{kind, {}};
  if (kind == Mask::kNone) return mask;
  const int64_t size = kind == Mask::kOneChannel ? s.images * s.plane() : s.size();
  for (int64_t e = 0; e < size; ++e) {
    mask.values.push_back(kind != Mask::kNothing && random.chance(0.6) ? 1 : 0);
  }
  return mask;
}

// Packed patches of three images, one of them without patches, in the layout of Qwen2-VL: rows of
// [channels, 2 copies, n].
inline ImageShape packed_shape(int64_t n, int64_t copies = 2) {
  ImageShape shape{9, 3, copies, n};
  shape.copies = copies;
  shape.offsets = {0, 4, 4, 9};
  return shape;
}

inline std::string text_of(const ImageShape& s) {
  return format("[%lld, %lld, %lld, %lld]%s copies %lld images %lld",
                static_cast<long long>(s.images), static_cast<long long>(s.channels),
                static_cast<long long>(s.height), static_cast<long long>(s.width),
                s.flat ? " flat" : "", static_cast<long long>(s.copies),
                static_cast<long long>(s.image_count()));
}

// The affine space of one channel: value = (pixel - mean) / std.
struct ChannelSpace {
  double mean = 0, std = 1;
  double value(double pixel) const { return (pixel - mean) / std; }
  // Size of the quantities that converting a pixel rounds.
  double magnitude(double pixel) const { return (std::fabs(pixel) + std::fabs(mean)) / std; }
};

inline eqp_pixel_space identity_space() { return eqp_pixel_space{}; }

// CLIP's normalisation for the first channels, as Qwen2-VL uses it.
inline eqp_pixel_space normalised_space(int64_t channels) {
  eqp_pixel_space space{};
  const float mean[EQP_MAX_CHANNELS] = {0.48145466f, 0.4578275f, 0.40821073f, 0.5f};
  const float std[EQP_MAX_CHANNELS] = {0.26862954f, 0.26130258f, 0.27577711f, 0.125f};
  space.channels = static_cast<int32_t>(channels);
  for (int c = 0; c < channels; ++c) {
    space.mean[c] = mean[c];
    space.std[c] = std[c];
  }
  return space;
}

inline ChannelSpace channel_space(const eqp_pixel_space& space, int64_t channel) {
  if (space.channels == 0) return {};
  return {static_cast<double>(space.mean[channel]), static_cast<double>(space.std[channel])};
}

// Offsets that break the rules, with the tensors `inputs` of nine packed patches, of one copy and of two:
// reported, and every element of the output is NaN where the backend cannot refuse. output_shape {}: norms
// of the images.
template <class Options>
void check_bad_offsets(Suite& suite, const std::string& entry,
                       const std::vector<std::string>& inputs, const std::string& output,
                       const std::vector<int64_t>& output_shape) {
  const ImageShape shape = packed_shape(5);
  const std::vector<double> halves(static_cast<size_t>(shape.size()), 0.5);
  int32_t copies = 2;
  for (const std::vector<double>& offsets :
       {std::vector<double>{1, 9}, {0, 8}, {0, 10}, {0, 5, 4, 9}, {0, 12, 9}, {-1, 9}}) {
    const int64_t count = static_cast<int64_t>(offsets.size());
    Case call(suite.backend, suite.report, entry, "offsets that break the rules");
    call.options<Options>().pixel_space.copies = copies = 3 - copies;
    for (const std::string& name : inputs) call.add(name, EQP_F32, shape.dims(), halves, 2);
    call.add("offsets", EQP_I64, {count}, offsets);
    const Buffer& out = output_shape.empty()
                            ? call.add(output, EQP_F32, {count - 1, EQP_NORM_COUNT})
                            : call.add(output, EQP_F32, output_shape, 2);
    expect_data_error(suite, call, "offsets");
    for (int64_t e = 0; e < out.size() && !suite.backend.validates_before_writing(); ++e) {
      EQP_CHECK(std::isnan(out.get(e)), "%s[%lld]: expected NaN, found %g", output.c_str(),
                static_cast<long long>(e), out.get(e));
    }
  }
}

// A pixel of the L-infinity ball and the bounds, which are [low, high]. Where rounding to the nearest
// leaves them, the value's other neighbour is right, too. The tolerance is the caller's: the f32 roundings of
// the step, three or nine of the sizes that met, by which the value may be known to lie on either side.
inline Expected in_ball(eqp_dtype dtype, double value, double tolerance, double low, double high) {
  if (dtype == EQP_F32 || value == 0) return {value, tolerance};
  const int exponent = std::max(std::ilogb(value), std::ilogb(smallest_normal(dtype)));
  const double spacing = std::ldexp(2 * unit_roundoff(dtype), exponent);
  const double nearest = round_to(dtype, value);
  if (nearest > low + tolerance && nearest < high - tolerance) return {value, tolerance};
  const double other = round_to(dtype, value + (nearest > value ? -0.75 : 0.75) * spacing);
  return {value, tolerance, other};
}

// Step sizes that are none: the pixels of their image become NaN where nothing was refused.
template <class Options>
void check_bad_step_sizes(Suite& suite, const std::string& entry) {
  const ImageShape shape{3, 2, 4, 4};
  const std::vector<double> halves(static_cast<size_t>(shape.size()), 0.5);
  for (const double bad : {-0.25, HUGE_VAL, static_cast<double>(NAN)}) {
    Case call(suite.backend, suite.report, entry, format("a step size of %g", bad));
    for (const char* name : {"pixels", "original", "gradient"})
      call.add(name, EQP_F32, shape.dims(), halves, shape.contiguous_dims());
    call.add("step_sizes", EQP_F32, {3}, {0.25, bad, 0});
    const Buffer& out = call.add("out", EQP_F32, shape.dims(), shape.contiguous_dims());
    expect_data_error(suite, call, "step_sizes");
    EQP_CHECK(strstr(eqp_last_error(), "for image 1") != nullptr,
              "expected a text that names image 1, found '%s'", eqp_last_error());
    for (int64_t e = 0; e < out.size() && !suite.backend.validates_before_writing(); ++e) {
      EQP_CHECK(std::isnan(out.get(e)) == (shape.image_of(e) == 1),
                "expected NaN in the image with the bad step size alone, found %g in image %lld",
                out.get(e), static_cast<long long>(shape.image_of(e)));
    }
  }
}

}  // namespace eqp::test
