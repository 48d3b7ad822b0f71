// Formulas of pair_loss, one struct per kind: the loss of one pair and its derivatives.
//
// Everything is a function of u = delta_c and v = delta_r (sums of log-ratios) and of the lengths;
// d/dc = d/du and d/dr = d/dv, because delta_c = c - c_ref.
#pragma once

#include "math/elementary.h"

namespace eqp {
namespace EQP_ISA {

struct PairValue {
  double loss;
  double d_chosen;    // d loss / d c
  double d_rejected;  // d loss / d r
};

struct PairInput {
  double delta_chosen, delta_rejected;    // c - c_ref, r - r_ref
  double length_chosen, length_rejected;  // at least 1
  double beta, label_smoothing;
};

// l = -(1-e) ls(x) - e ls(-x), x = beta (u - v).  ls'(x) = sigmoid(-x), so
// dl/dx = -(1-e) sigmoid(-x) + e sigmoid(x).
struct PairLossSIGMOID {
  EQP_HD PairValue value(const PairInput& in) {
    const double x = in.beta * (in.delta_chosen - in.delta_rejected);
    const double e = in.label_smoothing;
    // Without smoothing the second term is absent, also where its factor is infinite.
    const double smoothed = e > 0 ? e * log_sigmoid(-x) : 0.0;
    const double loss = -(1.0 - e) * log_sigmoid(x) - smoothed;
    const double slope = in.beta * (e * sigmoid(x) - (1.0 - e) * sigmoid(-x));
    return PairValue{loss, slope, -slope};
  }
};

// l = y^2, y = u/len_c - v/len_r - 1/(2 beta);  dl/du = 2y/len_c, dl/dv = -2y/len_r.
struct PairLossIPO {
  EQP_HD PairValue value(const PairInput& in) {
    const double y =
        in.delta_chosen / in.length_chosen - in.delta_rejected / in.length_rejected - 0.5 / in.beta;
    return PairValue{y * y, 2.0 * y / in.length_chosen, -2.0 * y / in.length_rejected};
  }
};

// l = max(0, y), y = 1 - beta (u - v);  dl/du = -beta where y > 0, 0 where y <= 0, NaN where y is.
struct PairLossHINGE {
  EQP_HD PairValue value(const PairInput& in) {
    const double y = 1.0 - in.beta * (in.delta_chosen - in.delta_rejected);
    const double slope = y > 0 ? -in.beta : (y <= 0 ? 0.0 : y);
    return PairValue{y <= 0 ? 0.0 : y, slope, -slope};
  }
};

}  // namespace EQP_ISA
}  // namespace eqp
