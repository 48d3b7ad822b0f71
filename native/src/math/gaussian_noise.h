// Formulas of normal noise: constants of one channel, one element, and the scales of the diffusion
// process.
#pragma once

#include "equipoise/gaussian_noise.h"
#include "math/normal.h"
#include "math/philox.h"
#include "math/pixels.h"

namespace eqp {
namespace EQP_ISA {

struct NoiseChannel {
  float signal, deviation, lower, upper;
};
EQP_HD NoiseChannel noise_channel(const eqp_gaussian_noise_options& options,
                                  const ChannelSpace& space) {
  return NoiseChannel{options.signal, length_in(space, options.deviation),
                      position_in(space, options.lower), position_in(space, options.upper)};
}

// clamp(signal pixel + deviation z); the comparisons let a NaN pass.
template <class T>
EQP_HD T noised(T pixel, T z, const NoiseChannel& channel) {
  const T zero = T{};
  T value = pixel * channel.signal + z * channel.deviation;
  value = value < channel.lower ? zero + channel.lower : value;
  return value > channel.upper ? zero + channel.upper : value;
}

constexpr int kDiffusionSteps = 1000;

// abar_t = prod_{k <= t} (1 - beta_k),  beta_k = sigmoid(-6 + 12 k/999) (5e-3 - 1e-5) + 1e-5.
EQP_HD double diffusion_kept(int step) {
  double kept = 1;
  for (int k = 0; k <= step; ++k) {
    const double beta = sigmoid(-6.0 + 12.0 * k / (kDiffusionSteps - 1)) * (5e-3 - 1e-5) + 1e-5;
    kept *= 1.0 - beta;
  }
  return kept;
}

}  // namespace EQP_ISA
}  // namespace eqp
