// What the cases of the three perturbation ops share: image shapes, layouts and pixel spaces.
#pragma once

#include <string>
#include <vector>

#include "conformance/conformance.h"
#include "harness/check.h"

namespace eqp::test {

struct ImageShape {
  int64_t images, channels, height, width;
  bool flat = false;  // [images, channels, height * width] instead of four dimensions

  std::vector<int64_t> dims() const {
    if (flat) return {images, channels, height * width};
    return {images, channels, height, width};
  }
  int contiguous_dims() const { return flat ? 1 : 2; }
  int64_t plane() const { return height * width; }
  int64_t size() const { return images * channels * plane(); }
  int64_t image_of(int64_t element) const { return element / (channels * plane()); }
  int64_t channel_of(int64_t element) const { return element / plane() % channels; }
};

// Of suite.large_cases: planes of 2^20 pixels; more images and more planes than 65 535.
inline constexpr ImageShape kLargeShapes[] = {
    {1, 3, 1024, 1024}, {70001, 1, 1, 3}, {21846, 4, 3, 1}};

inline std::string text_of(const ImageShape& s) {
  return format("[%lld, %lld, %lld, %lld]%s", static_cast<long long>(s.images),
                static_cast<long long>(s.channels), static_cast<long long>(s.height),
                static_cast<long long>(s.width), s.flat ? " flat" : "");
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

}  // namespace eqp::test
