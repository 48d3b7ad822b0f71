// Formulas of pair_loss, one struct per kind: the loss of one pair and its derivatives.
//
// Everything is a function of the two scores (the sums of log-ratios, or their image under the
// divergence) and of the lengths. A factor that is 0 makes a term absent, also where the other
// factor is infinite.
#pragma once

#include "equipoise/pair_loss.h"
#include "math/elementary.h"

namespace eqp {
namespace EQP_ISA {

struct PairValue {
  double loss;
  double d_chosen;    // d loss / d score_chosen
  double d_rejected;  // d loss / d score_rejected
  // The part that the pair's weight does not scale: its loss, and its derivative by each chosen
  // token.
  double batch_loss;
  double d_token;
};

// The value that a score meets in the batch sorted by the optimal transport.
struct PairMatch {
  double margin_chosen;    // the chosen score minus what it meets
  double margin_rejected;  // what the rejected score meets minus it
};

struct PairInput {
  double score_chosen, score_rejected;
  double length_chosen, length_rejected;  // at least 1
  bool empty;                             // a side has no unmasked token
  PairMatch aot, aot_unpaired;
  double negative_log_likelihood;  // of the chosen tokens, whatever ld_alpha
  double tokens_share;  // of a pair in the batch's mean over tokens, times the mean weight
};

struct Slope {
  double value, derivative;
};

// -(1-e) ls(x) - e ls(-x) and d/dx. ls'(x) = sigmoid(-x).
EQP_HD Slope smoothed_log_sigmoid(double x, double e) {
  const double smoothed = e > 0 ? e * log_sigmoid(-x) : 0.0;
  return Slope{-(1.0 - e) * log_sigmoid(x) - smoothed, e * sigmoid(x) - (1.0 - e) * sigmoid(-x)};
}

EQP_HD PairValue of_difference(const Slope& slope, double scale) {
  return PairValue{slope.value, scale * slope.derivative, -scale * slope.derivative, 0.0, 0.0};
}

EQP_HD double difference(const eqp_pair_loss_options& o, const PairInput& in) {
  return o.beta * (in.score_chosen - in.score_rejected);
}

// l = -(1-e) ls(x) - e ls(-x), x = beta (s_c - s_r).
struct PairLossSIGMOID {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    return of_difference(smoothed_log_sigmoid(difference(o, in), o.label_smoothing), o.beta);
  }
};

// The same; without a reference, the scores are the log-probs.
using PairLossCPO = PairLossSIGMOID;

// l = y^2, y = s_c/len_c - s_r/len_r - 1/(2 beta);  dl/ds_c = 2y/len_c, dl/ds_r = -2y/len_r.
struct PairLossIPO {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    const double y =
        in.score_chosen / in.length_chosen - in.score_rejected / in.length_rejected - 0.5 / o.beta;
    return PairValue{y * y, 2.0 * y / in.length_chosen, -2.0 * y / in.length_rejected, 0.0, 0.0};
  }
};

// l = max(0, y), y = 1 - x;  dl/dx = -1 where y > 0, 0 where y <= 0, NaN where y is.
struct PairLossHINGE {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    const double y = 1.0 - difference(o, in);
    return of_difference(Slope{y <= 0 ? 0.0 : y, y > 0 ? -1.0 : (y <= 0 ? 0.0 : y)}, o.beta);
  }
};

// l = q (ln q - ln(1-e)) + p (ln p - ln e), q = sigmoid(x), p = sigmoid(-x).
// q' = q p = -p', (ln q)' = p, (ln p)' = -q, ln q - ln p = x:  dl/dx = q p (x - ln((1-e)/e)).
struct PairLossEXO_PAIR {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    const double x = difference(o, in);
    const double q = sigmoid(x), p = sigmoid(-x);
    const double target_q = log1p(-o.label_smoothing), target_p = log(o.label_smoothing);
    const double of_q = q == 0 ? 0.0 : q * (log_sigmoid(x) - target_q);
    const double of_p = p == 0 ? 0.0 : p * (log_sigmoid(-x) - target_p);
    const double slope = q * p == 0 ? 0.0 : q * p * (x - (target_q - target_p));
    return of_difference(Slope{of_q + of_p, slope}, o.beta);
  }
};

// l = -ls(x_c) - ls(-x_c)/2 - ls(-x_r)/2.
struct PairLossNCA_PAIR {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    const double c = o.beta * in.score_chosen, r = o.beta * in.score_rejected;
    return PairValue{-log_sigmoid(c) - 0.5 * log_sigmoid(-c) - 0.5 * log_sigmoid(-r),
                     o.beta * (0.5 * sigmoid(c) - sigmoid(-c)), o.beta * 0.5 * sigmoid(r), 0.0,
                     0.0};
  }
};

// l = (-(1-e) ls(x) + e ls(-x)) / (1 - 2e).
struct PairLossROBUST {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    const double x = difference(o, in), e = o.label_smoothing, scale = 1.0 / (1.0 - 2.0 * e);
    const double flipped = e > 0 ? e * log_sigmoid(-x) : 0.0;
    return of_difference(Slope{scale * (flipped - (1.0 - e) * log_sigmoid(x)),
                               -scale * ((1.0 - e) * sigmoid(-x) + e * sigmoid(x))},
                         o.beta);
  }
};

// l = -ls(x_c) - ls(-x_r).
struct PairLossBCO_PAIR {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    const double c = o.beta * in.score_chosen, r = o.beta * in.score_rejected;
    return PairValue{-log_sigmoid(c) - log_sigmoid(-r), -o.beta * sigmoid(-c), o.beta * sigmoid(r),
                     0.0, 0.0};
  }
};

// l = (s_c - 1/(2 beta))^2 + (s_r + 1/(2 beta))^2.
struct PairLossSPPO_HARD {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    const double c = in.score_chosen - 0.5 / o.beta, r = in.score_rejected + 0.5 / o.beta;
    return PairValue{c * c + r * r, 2.0 * c, 2.0 * r, 0.0, 0.0};
  }
};

EQP_HD PairValue of_match(const eqp_pair_loss_options& o, const PairMatch& match) {
  const Slope chosen = smoothed_log_sigmoid(o.beta * match.margin_chosen, o.label_smoothing);
  const Slope rejected = smoothed_log_sigmoid(o.beta * match.margin_rejected, o.label_smoothing);
  return PairValue{chosen.value, o.beta * chosen.derivative, -o.beta * rejected.derivative, 0.0,
                   0.0};
}
struct PairLossAOT {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    return of_match(o, in.aot);
  }
};
struct PairLossAOT_UNPAIRED {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    return of_match(o, in.aot_unpaired);
  }
};

// l = sigmoid(-x_c) + sigmoid(x_r);  sigmoid' = sigmoid(x) sigmoid(-x).
struct PairLossAPO_ZERO {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    const double c = o.beta * in.score_chosen, r = o.beta * in.score_rejected;
    return PairValue{sigmoid(-c) + sigmoid(r), -o.beta * sigmoid(c) * sigmoid(-c),
                     o.beta * sigmoid(r) * sigmoid(-r), 0.0, 0.0};
  }
};

// l = sigmoid(x_c) + sigmoid(-x).
struct PairLossAPO_DOWN {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    const double c = o.beta * in.score_chosen, x = difference(o, in);
    const double of_x = o.beta * sigmoid(x) * sigmoid(-x);
    return PairValue{sigmoid(c) + sigmoid(-x), o.beta * sigmoid(c) * sigmoid(-c) - of_x, of_x, 0.0,
                     0.0};
  }
};

// l = -(1-w) ls(x) + E, w = sigmoid(x/tau), E = w e^-x = e^(ls(x/tau) - x), which does not overflow
// where w vanishes. w' = w (1-w)/tau:
// dl/dx = w (1-w)/tau ls(x) - (1-w) sigmoid(-x) + E ((1-w)/tau - 1).
struct PairLossDISCOPOP {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    const double x = difference(o, in);
    const double w = sigmoid(x / o.discopop_tau), rest = sigmoid(-x / o.discopop_tau);
    const double finite = x < -1e15 ? -1e15 : x;  // -Inf - -Inf would be NaN
    const double e = exp(log_sigmoid(finite / o.discopop_tau) - finite);
    const double logistic = rest == 0 ? 0.0 : -rest * log_sigmoid(x);
    const double mixing = w * rest == 0 ? 0.0 : w * rest / o.discopop_tau * log_sigmoid(x);
    return of_difference(
        Slope{logistic + e,
              mixing - rest * sigmoid(-x) + (e == 0 ? 0.0 : e * (rest / o.discopop_tau - 1.0))},
        o.beta);
  }
};

struct PairLossSFT {
  EQP_HD PairValue value(const eqp_pair_loss_options&, const PairInput& in) {
    return PairValue{0.0, 0.0, 0.0, in.negative_log_likelihood * in.tokens_share, -in.tokens_share};
  }
};

// l = -ls(beta (s_c/len_c - s_r/len_r)).
struct PairLossSIGMOID_NORM {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    const double x =
        o.beta * (in.score_chosen / in.length_chosen - in.score_rejected / in.length_rejected);
    const double slope = -o.beta * sigmoid(-x);
    return PairValue{-log_sigmoid(x), slope / in.length_chosen, -slope / in.length_rejected, 0.0,
                     0.0};
  }
};

// q(m) = m, or (1 - e^(-a m))/a with q' = e^(-a m).
EQP_HD Slope alpha_po_reward(double alpha, double mean) {
  if (alpha == 0) return Slope{mean, 1.0};
  return Slope{-expm1(-alpha * mean) / alpha, exp(-alpha * mean)};
}

// l = -(1-e) ls(z) - e ls(-z), z = beta (q(m_c) - q(m_r)) - gamma.
struct PairLossSIMPO {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    const Slope c = alpha_po_reward(o.simpo_alpha, in.score_chosen / in.length_chosen);
    const Slope r = alpha_po_reward(o.simpo_alpha, in.score_rejected / in.length_rejected);
    const Slope l =
        smoothed_log_sigmoid(o.beta * (c.value - r.value) - o.simpo_gamma, o.label_smoothing);
    return PairValue{l.value, o.beta * l.derivative * c.derivative / in.length_chosen,
                     -o.beta * l.derivative * r.derivative / in.length_rejected, 0.0, 0.0};
  }
};

// l = -beta ls(L), L = (m_c - ln(1 - e^m_c)) - (m_r - ln(1 - e^m_r)).
// d/dm of m - ln(1 - e^m) is 1/(1 - e^m):  dl/dm_c = -beta sigmoid(-L)/(1 - e^m_c).
struct PairLossORPO {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    if (in.empty) return PairValue{};
    const double most = -0x1p-24;
    const double mean_c = in.score_chosen / in.length_chosen;
    const double mean_r = in.score_rejected / in.length_rejected;
    const double c = mean_c > most ? most : mean_c, r = mean_r > most ? most : mean_r;
    const double rest_c = -expm1(c), rest_r = -expm1(r);  // 1 - e^m >= 2^-25
    const double odds = (c - log(rest_c)) - (r - log(rest_r));
    const double slope = -o.beta * sigmoid(-odds);
    return PairValue{-o.beta * log_sigmoid(odds),
                     mean_c > most ? 0.0 : slope / rest_c / in.length_chosen,
                     mean_r > most ? 0.0 : -slope / rest_r / in.length_rejected, 0.0, 0.0};
  }
};

// l = -ls(x_c).
struct PairLossANCHOR {
  EQP_HD PairValue value(const eqp_pair_loss_options& o, const PairInput& in) {
    const double c = o.beta * in.score_chosen;
    return PairValue{-log_sigmoid(c), -o.beta * sigmoid(-c), 0.0, 0.0, 0.0};
  }
};

}  // namespace EQP_ISA
}  // namespace eqp
