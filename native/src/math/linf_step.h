// Formula of the L-infinity step, for one element.
#pragma once

#include "math/pixels.h"

namespace eqp {
namespace EQP_ISA {

// P(pixel + signed_step sign(direction)); a NaN in any of the three inputs comes out.
template <class T>
EQP_HD T linf_step(T pixel, T original, T direction, const LinfChannel& channel) {
  const T zero = T{};
  T step = direction > zero ? zero + channel.signed_step : direction;
  step = direction < zero ? zero - channel.signed_step : step;  // 0 and NaN stay what they are
  return linf_project(pixel + step, original, channel);
}

// P(pixel + blend (stepped - pixel) + (1 - blend) (pixel - previous)).
template <class T>
EQP_HD T linf_blend(T stepped, T pixel, T previous, T original, float blend,
                    const LinfChannel& channel) {
  const T value = pixel + (stepped - pixel) * blend + (pixel - previous) * (1.0f - blend);
  return linf_project(value, original, channel);
}

}  // namespace EQP_ISA
}  // namespace eqp
