// Formula of the L2 step: from three sums of an image to the move of one element.
#pragma once

#include "math/pixels.h"

namespace eqp {
namespace EQP_ISA {

// Over an image, in pixel units, with d = pixels - original.
struct L2Sums {
  double gradient_gradient, moved_gradient, moved_moved;
};

// d' = d + signed_step g / ||g|| and then d' shrink.
struct L2Move {
  double gradient_norm, signed_step, shrink;
};
EQP_HD L2Move l2_move(const L2Sums& sums, double signed_step, double epsilon) {
  const double norm = sqrt(sums.gradient_gradient);
  // ||d'||^2; without a gradient there is no step.
  const double stepped = norm == 0
                             ? sums.moved_moved
                             : sums.moved_moved + 2 * signed_step * (sums.moved_gradient / norm) +
                                   signed_step * signed_step;
  // Rounding may leave a square of nothing below 0.
  const double length = sqrt(stepped < 0 ? 0.0 : stepped);
  return L2Move{norm, signed_step, length <= epsilon ? 1.0 : epsilon / length};
}

// The factor of a gradient in the tensor's space, as numerator / norm; 0 / 1 without a gradient.
EQP_HD double l2_step_numerator(const L2Move& move, const ChannelSpace& space) {
  return move.signed_step / (space.std * space.std);
}

// excess = shrink - 1: without a shrink exactly the stepped pixel. A NaN in any input comes out.
struct L2Channel {
  float excess, lower, upper;
};
EQP_HD L2Channel l2_channel(const L2Move& move, const ChannelSpace& space, float lower,
                            float upper) {
  return L2Channel{static_cast<float>(move.shrink - 1), position_in(space, lower),
                   position_in(space, upper)};
}
template <class T>
EQP_HD T l2_step(T pixel, T original, T step, const L2Channel& channel) {
  const T zero = T{};
  T value = pixel + step;
  value = value + (value - original) * channel.excess;
  value = value < channel.lower ? zero + channel.lower : value;
  return value > channel.upper ? zero + channel.upper : value;
}

}  // namespace EQP_ISA
}  // namespace eqp
