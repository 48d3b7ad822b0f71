// The affine space of a channel, and what the perturbation steps need of it.
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

}  // namespace EQP_ISA
}  // namespace eqp
