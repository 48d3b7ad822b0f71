// Formula of the L-infinity step, for one element.
#pragma once

#include "math/pixels.h"

namespace eqp {
namespace EQP_ISA {

// out = min(max(pixel + signed_step sign(g), max(original - epsilon, lower)), min(original +
// epsilon, upper)); the comparisons are written so that a NaN in any of the three inputs comes out.
template <class T>
EQP_HD T linf_step(T pixel, T original, T gradient, const LinfChannel& channel) {
  const T zero = T{};
  T step = gradient > zero ? zero + channel.signed_step : gradient;
  step = gradient < zero ? zero - channel.signed_step : step;  // 0 and NaN stay what they are
  T value = pixel + step;
  const T low = max_or_second(zero + channel.lower, original - channel.epsilon);
  const T high = min_or_second(zero + channel.upper, original + channel.epsilon);
  value = min_or_second(high, max_or_second(low, value));
  return original == original ? value : original;
}

}  // namespace EQP_ISA
}  // namespace eqp
