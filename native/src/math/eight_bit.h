// The 8-bit code of one pixel.
#pragma once

#include "math/pixels.h"

namespace eqp {
namespace EQP_ISA {

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
