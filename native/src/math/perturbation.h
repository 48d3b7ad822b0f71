// Formulas of the perturbation steps: constants of one channel, and one element.
#pragma once

#include "equipoise/perturbation.h"
#include "math/elementary.h"

namespace eqp {
namespace EQP_ISA {

// value = (pixel - mean)/std: a length in pixel units is divided by std, a position is shifted
// first.
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

struct LinfChannel {
  float epsilon, signed_step, lower, upper;  // signed_step = direction * step_size
};

// out = min(max(pixel + signed_step sign(g), max(original - epsilon, lower)), min(original +
// epsilon, upper)); the comparisons are written so that a NaN in any of the three inputs comes out.
template <class T>
EQP_HD T linf_step(T pixel, T original, T gradient, const LinfChannel& channel) {
  const T zero = T{};
  T step = gradient > zero ? zero + channel.signed_step : gradient;
  step = gradient < zero ? zero - channel.signed_step : step;  // 0 and NaN stay what they are
  T value = pixel + step;
  T low = original - channel.epsilon;
  T high = original + channel.epsilon;
  low = low < channel.lower ? zero + channel.lower : low;
  high = high > channel.upper ? zero + channel.upper : high;
  value = value < low ? low : value;
  value = value > high ? high : value;
  return original == original ? value : original;
}

// out = clamp(original + epsilon (2u - 1)); 2u - 1 is exact for u on the grid of 2^-24.
EQP_HD float uniform_start(float original, float u, const LinfChannel& channel) {
  float value = original + channel.epsilon * (2.0f * u - 1.0f);
  value = value < channel.lower ? channel.lower : value;
  return value > channel.upper ? channel.upper : value;
}

// The ball is widened by this many codes, so that an original which is a code rounded to f32 (by up
// to 255 |value| std 2^-24 codes, far below this) reaches every code that exact arithmetic would
// allow.
constexpr double kCodeSlack = 1.0 / 1024.0;

// Integers by adding 1.5 * 2^52, which rounds half to even; exact for |x| < 2^51.
EQP_HD double round_half_even(double x) { return (x + 6755399441055744.0) - 6755399441055744.0; }
EQP_HD double floor_of(double x) {
  const double n = round_half_even(x);
  return n > x ? n - 1.0 : n;
}
EQP_HD double ceil_of(double x) {
  const double n = round_half_even(x);
  return n < x ? n + 1.0 : n;
}
EQP_HD double clamp(double x, double low, double high) {
  return x < low ? low : (x > high ? high : x);
}

// The 8-bit code of a pixel value (in pixel units, not NaN), nearest inside the ball around
// original.
EQP_HD double eight_bit_code(double pixel, double original, double epsilon, double lower,
                             double upper) {
  const double far = 1e6;  // keeps +-Inf and huge values where the rounding above is exact
  const double lowest = clamp(ceil_of(clamp(255.0 * lower, -far, far) - kCodeSlack), 0.0, 255.0);
  const double highest = clamp(floor_of(clamp(255.0 * upper, -far, far) + kCodeSlack), 0.0, 255.0);
  double low = lowest;
  double high = highest;
  double code = round_half_even(clamp(255.0 * pixel, -far, far));
  if (epsilon < kInfinity) {
    const double center = clamp(255.0 * original, -far, far);
    const double ball_low = ceil_of(clamp(center - 255.0 * epsilon, -far, far) - kCodeSlack);
    const double ball_high = floor_of(clamp(center + 255.0 * epsilon, -far, far) + kCodeSlack);
    low = ball_low > low ? ball_low : low;
    high = ball_high < high ? ball_high : high;
    if (low > high) {  // no code inside: the one nearest to the original
      code = round_half_even(center);
      low = lowest;
      high = highest;
    }
  }
  return clamp(clamp(code, low, high), 0.0, 255.0);
}

}  // namespace EQP_ISA
}  // namespace eqp
