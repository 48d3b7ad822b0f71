// Formula of the random start, for one element.
#pragma once

#include "math/pixels.h"

namespace eqp {
namespace EQP_ISA {

// out = clamp(original + epsilon (2u - 1)); 2u - 1 is exact for u on the grid of 2^-24.
EQP_HD float uniform_start(float original, float u, const LinfChannel& channel) {
  float value = original + channel.epsilon * (2.0f * u - 1.0f);
  value = value < channel.lower ? channel.lower : value;
  return value > channel.upper ? channel.upper : value;
}

}  // namespace EQP_ISA
}  // namespace eqp
