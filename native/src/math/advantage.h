// What group_advantage's backends share.
#pragma once

#include "math/elementary.h"

namespace eqp {
namespace EQP_ISA {

// What rounding may leave of term = weight (reward - mean) / divisor in a sum that is rounded to a
// unit `roundoff`: the difference, taken in double, has the rounding of what it is taken from.
EQP_HD double rounding_of_term(double term, double weight, double reward, double mean,
                               double divisor, double roundoff) {
  return 4 * roundoff * abs(term) + 0x1p-50 * abs(weight) * (abs(reward) + abs(mean)) / divisor;
}

}  // namespace EQP_ISA
}  // namespace eqp
