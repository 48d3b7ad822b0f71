// The affine space of a channel, and what the perturbation steps need of it.
#pragma once

#include "equipoise/perturbation.h"
#include "math/elementary.h"

namespace eqp {
namespace EQP_ISA {

// value = (pixel - mean)/std: a length in pixel units is divided by std, a position is shifted
// first, a gradient is multiplied by std.
struct ChannelSpace {
  double mean, std;
};
EQP_HD ChannelSpace channel_space(const eqp_pixel_space& space, int64_t channel) {
  if (space.channels == 0) return ChannelSpace{0.0, 1.0};
  return ChannelSpace{static_cast<double>(space.mean[channel]),
                      static_cast<double>(space.std[channel])};
}
EQP_HD float length_in(const ChannelSpace& space, float length) {
  return static_cast<float>(static_cast<double>(length) / space.std);
}
EQP_HD float position_in(const ChannelSpace& space, float pixel) {
  return static_cast<float>((static_cast<double>(pixel) - space.mean) / space.std);
}

EQP_HD bool is_step_size(float size) { return size >= 0 && size < kInfinityF; }

// The ball and the bounds in the space of one channel.
struct LinfChannel {
  float epsilon, signed_step, lower, upper;  // signed_step = direction * step_size
};

// min(max(min(max(value, original - epsilon), original + epsilon), lower), upper): the bounds win where
// an original lies further than epsilon outside them. Of equal or unordered operands the second is
// taken, so that a NaN in value or original comes out.
template <class T>
EQP_HD T linf_project(T value, T original, const LinfChannel& channel) {
  const T zero = T{};
  const T low = max_or_second(zero + channel.lower, original - channel.epsilon);
  const T high = min_or_second(zero + channel.upper, original + channel.epsilon);
  value = max_or_second(zero + channel.lower, min_or_second(high, max_or_second(low, value)));
  return original == original ? value : original;
}

// What rounding to E makes of a value; where that is no number of [low, high], the value's neighbour in E
// on the side of the original. One for each type that is narrower than the arithmetic.
template <class E>
struct RoundedInside;
template <>
struct RoundedInside<float> {
  template <class T>
  EQP_HD T of(T value, T, T, T) {
    return value;
  }
};

// A value of linf_project as E holds it, still in the ball and the bounds.
template <class E, class T>
EQP_HD T linf_rounded(T value, T original, const LinfChannel& channel) {
  const T zero = T{}, lower = zero + channel.lower, upper = zero + channel.upper;
  const T low = max_or_second(lower, original - channel.epsilon);
  const T high = min_or_second(upper, original + channel.epsilon);
  return RoundedInside<E>::of(value, original, low, high);
}

// A product with a factor beyond f32's range, for values in f32: (value first) second. Powers of two
// carry the range, so that gradients of 1e-40 or 1e30 are divided by their own norm without
// overflow or loss.
struct WideFactor {
  float power_first, power_second, rest;
};
// 1 / norm for norm > 0; a norm of 0 (no gradient at all) gives factor 0, NaN gives NaN.
EQP_HD WideFactor wide_inverse(double norm, double numerator) {
  if (norm == 0) return WideFactor{1.0f, 1.0f, 0.0f};
  if (!(norm < kInfinity)) return WideFactor{1.0f, 1.0f, static_cast<float>(numerator / norm)};
  int half = 0;  // norm = rest 4^half with rest in [1/2, 4)
  while (norm >= 4) {
    norm *= 0.25;
    ++half;
  }
  while (norm < 0.5) {
    norm *= 4;
    --half;
  }
  float power = 1;
  for (; half > 0; --half) power *= 0.5f;
  for (; half < 0; ++half) power *= 2;
  return WideFactor{power, power, static_cast<float>(numerator / norm)};
}
template <class T>
EQP_HD T times(T value, const WideFactor& factor) {
  return value * factor.power_first * factor.power_second * factor.rest;
}

}  // namespace EQP_ISA
}  // namespace eqp
