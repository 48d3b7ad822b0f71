#include "conformance/pair_loss_oracle.h"

#include <algorithm>
#include <numeric>

#include "conformance/conformance.h"

namespace eqp::test {
namespace {

// Stands for an infinite sum, so that limits are taken by the formulas themselves.
constexpr Real kHuge = 1e200L;

struct Sum {
  Bounded log_prob, reference, delta;  // with ld_alpha
  Bounded plain;                       // log_prob without it
  Real unmasked = 0, length = 1;
  int64_t shared = 0;
};

int64_t unmasked(const PairProblem::Side& side, int64_t pair) {
  int64_t count = 0;
  for (int64_t t = 0; t < side.tokens; ++t)
    count += side.mask[static_cast<size_t>(pair * side.tokens + t)] != 0;
  return count;
}

// A sum of terms: as much error as sum_error says of their magnitudes, none when it is infinite.
Bounded bounded_sum(Real value, Real magnitude, Real roundings) {
  if (std::isinf(value)) return {value > 0 ? kHuge : -kHuge, 0};
  return {value, roundings * magnitude};
}

Sum sum_side(const PairProblem& problem, const PairProblem::Side& side, int64_t pair,
             int64_t shared_count, Real ld_alpha, Real roundoff) {
  Sum sum;
  Real policy = 0, reference = 0, plain = 0, of_policy = 0, of_reference = 0, of_plain = 0,
       of_delta = 0;
  sum.shared = shared_count >= unmasked(side, pair) ? side.tokens : 0;
  for (int64_t t = 0; t < side.tokens; ++t) {
    const size_t at = static_cast<size_t>(pair * side.tokens + t);
    if (side.mask[at] == 0) continue;
    sum.unmasked += 1;
    const Real factor = sum.unmasked <= static_cast<Real>(shared_count) ? 1 : ld_alpha;
    if (sum.unmasked == static_cast<Real>(shared_count) && sum.shared == 0) sum.shared = t + 1;
    plain += side.policy[at];
    of_plain += fabsl(side.policy[at]);
    if (factor == 0) continue;
    policy += factor * side.policy[at];
    of_policy += factor * fabsl(side.policy[at]);
    const Real other = problem.has_reference ? static_cast<Real>(side.reference[at]) : 0;
    of_delta += factor * fabsl(side.policy[at] - other);
    if (!problem.has_reference) continue;
    reference += factor * side.reference[at];
    of_reference += factor * fabsl(side.reference[at]);
  }
  // A lane adds 16 terms before they go on in doubles.
  const double n = static_cast<double>(side.tokens);
  const Real roundings = static_cast<Real>(
      sum_error(std::min(32.0, n), static_cast<double>(roundoff)) + sum_error(n, 0x1p-53));
  sum.log_prob = bounded_sum(policy, of_policy, roundings);
  sum.reference = bounded_sum(reference, of_reference, roundings);
  sum.plain = bounded_sum(plain, of_plain, roundings);
  sum.delta = bounded_sum(policy - reference, of_delta, roundings);
  sum.length = std::max<Real>(1, sum.unmasked);
  return sum;
}

Dual divergence(const eqp_pair_loss_options& o, const Dual& x) {
  const Real a = o.divergence_alpha - 1.0L;
  switch (o.divergence) {
    case EQP_PAIR_DIVERGENCE_FORWARD_KL:
      return Dual(1) - exp(at_most(-x, 80));
    case EQP_PAIR_DIVERGENCE_JS:
      return Dual(logl(2)) + log_sigmoid(x);
    case EQP_PAIR_DIVERGENCE_ALPHA:
      if (fabsl(a) < 1e-6L) return x;
      return expm1(at_most(Dual(a) * x, 80)) * Dual(1 / a);
    default:
      return x;
  }
}

Dual smoothed(const Dual& x, Real e) {
  return -(Dual(1 - e) * log_sigmoid(x)) - Dual(e) * log_sigmoid(-x);
}

// The quality of SimPO, or AlphaPO, of a mean log-prob.
Dual quality(const eqp_pair_loss_options& o, const Dual& mean) {
  if (o.simpo_alpha == 0) return mean;
  return expm1(Dual(-static_cast<Real>(o.simpo_alpha)) * mean) *
         Dual(-1 / static_cast<Real>(o.simpo_alpha));
}

Dual log_odds(const Dual& mean) {
  const Dual m = at_most(mean, -0x1p-24L);
  return m - log1mexp(m);
}

struct Terms {
  Dual chosen, rejected;            // scores
  Dual mean_chosen, mean_rejected;  // log-probs over lengths
  Real length_chosen, length_rejected;
};

Dual value_of(eqp_pair_loss_kind kind, const eqp_pair_loss_options& o, const Terms& t,
              bool* at_kink) {
  const Dual beta = static_cast<Real>(o.beta);
  const Real e = o.label_smoothing, half = 0.5L / o.beta;
  const Dual c = beta * t.chosen, r = beta * t.rejected, x = beta * (t.chosen - t.rejected);
  const Dual averaged =
      t.chosen * Dual(1 / t.length_chosen) - t.rejected * Dual(1 / t.length_rejected);
  switch (kind) {
    case EQP_PAIR_LOSS_SIGMOID:
    case EQP_PAIR_LOSS_CPO:
      return smoothed(x, e);
    case EQP_PAIR_LOSS_IPO: {
      const Dual y = averaged - Dual(half);
      return y * y;
    }
    case EQP_PAIR_LOSS_HINGE: {
      const Dual y = Dual(1) - x;
      *at_kink = *at_kink || fabsl(y.value.value) <= y.value.error;
      if (std::isnan(y.value.value)) return chain(y, y.value, y.value);
      if (y.value.value > 0) return y;
      return chain(y, Bounded(0, y.value.value + y.value.error > 0 ? y.value.error : 0), 0);
    }
    case EQP_PAIR_LOSS_EXO_PAIR:
      return sigmoid(x) * (log_sigmoid(x) - Dual(log1pl(-e))) +
             sigmoid(-x) * (log_sigmoid(-x) - Dual(logl(e)));
    case EQP_PAIR_LOSS_NCA_PAIR:
      return -log_sigmoid(c) - Dual(0.5L) * log_sigmoid(-c) - Dual(0.5L) * log_sigmoid(-r);
    case EQP_PAIR_LOSS_ROBUST:
      return Dual(1 / (1 - 2 * e)) * (Dual(e) * log_sigmoid(-x) - Dual(1 - e) * log_sigmoid(x));
    case EQP_PAIR_LOSS_BCO_PAIR:
      return -log_sigmoid(c) - log_sigmoid(-r);
    case EQP_PAIR_LOSS_SPPO_HARD:
      return (t.chosen - Dual(half)) * (t.chosen - Dual(half)) +
             (t.rejected + Dual(half)) * (t.rejected + Dual(half));
    case EQP_PAIR_LOSS_APO_ZERO:
      return sigmoid(-c) + sigmoid(r);
    case EQP_PAIR_LOSS_APO_DOWN:
      return sigmoid(c) + sigmoid(-x);
    case EQP_PAIR_LOSS_DISCOPOP: {
      const Dual scaled = x * Dual(1 / static_cast<Real>(o.discopop_tau));
      return -(sigmoid(-scaled) * log_sigmoid(x)) + exp(log_sigmoid(scaled) - x);
    }
    case EQP_PAIR_LOSS_SIGMOID_NORM:
      return -log_sigmoid(beta * averaged);
    case EQP_PAIR_LOSS_SIMPO:
      return smoothed(beta * (quality(o, t.mean_chosen) - quality(o, t.mean_rejected)) -
                          Dual(static_cast<Real>(o.simpo_gamma)),
                      e);
    case EQP_PAIR_LOSS_ORPO:
      return -(beta * log_sigmoid(log_odds(t.mean_chosen) - log_odds(t.mean_rejected)));
    case EQP_PAIR_LOSS_ANCHOR:
      return -log_sigmoid(c);
    default:
      return Dual(0);  // SFT and what sorts: not of the pair alone
  }
}

// Positions in order of the keys; NaN last, equal keys in order of position.
std::vector<size_t> order_of(const std::vector<Bounded>& keys) {
  std::vector<size_t> order(keys.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t i, size_t j) {
    const Real a = keys[i].value, b = keys[j].value;
    return std::isnan(b) ? !std::isnan(a) : a < b;
  });
  return order;
}

// one[i] minus the value of the same rank in other.
std::vector<Bounded> margins(const std::vector<Bounded>& one, const std::vector<Bounded>& other) {
  std::vector<Bounded> result(one.size());
  const std::vector<size_t> order_one = order_of(one), order_other = order_of(other);
  for (size_t k = 0; k < one.size(); ++k)
    result[order_one[k]] = one[order_one[k]] - other[order_other[k]];
  return result;
}

// Adds weight * kind, which sorts, to the pairs' losses and slopes by c and r.
void add_sorted(eqp_pair_loss_kind kind, const eqp_pair_loss_options& o,
                const std::vector<Sum>& chosen, const std::vector<Sum>& rejected, Real weight,
                std::vector<Dual>* sums) {
  const bool paired = kind == EQP_PAIR_LOSS_AOT;
  std::vector<Bounded> one, other;
  for (size_t i = 0; i < chosen.size(); ++i) {
    one.push_back(paired ? chosen[i].log_prob - rejected[i].log_prob : chosen[i].delta);
    other.push_back(paired ? chosen[i].reference - rejected[i].reference : rejected[i].delta);
  }
  const std::vector<Bounded> of_chosen = margins(one, other), of_rejected = margins(other, one);
  for (size_t i = 0; i < chosen.size(); ++i) {
    const Dual beta = static_cast<Real>(o.beta);
    const auto loss_of = [&](const Bounded& margin) {
      return Dual(weight) * smoothed(beta * Dual(margin, 1, 0), o.label_smoothing);
    };
    const Dual by_chosen = loss_of(of_chosen[i]);
    const Dual by_rejected = paired ? by_chosen : loss_of(-of_rejected[i]);
    (*sums)[i] = (*sums)[i] + Dual(by_chosen.value, by_chosen.by_chosen, -by_rejected.by_chosen);
  }
}

}  // namespace

bool has_kind(const eqp_pair_loss_options& options, eqp_pair_loss_kind kind) {
  return std::find(options.kinds, options.kinds + options.terms, kind) !=
         options.kinds + options.terms;
}

std::vector<PairOracle> pair_oracle(const PairProblem& problem, const eqp_pair_loss_options& o,
                                    Real roundoff) {
  std::vector<Sum> chosen, rejected;
  std::vector<Dual> losses;
  std::vector<PairOracle> result(static_cast<size_t>(problem.pairs));
  Real tokens = 0, weights = 0;
  for (int64_t i = 0; i < problem.pairs; ++i) {
    const bool shares = o.ld_alpha < 1;
    const int64_t shared = std::min(unmasked(problem.chosen, i), unmasked(problem.rejected, i));
    const int64_t all = std::max(problem.chosen.tokens, problem.rejected.tokens);
    chosen.push_back(
        sum_side(problem, problem.chosen, i, shares ? shared : all, o.ld_alpha, roundoff));
    rejected.push_back(
        sum_side(problem, problem.rejected, i, shares ? shared : all, o.ld_alpha, roundoff));
    if (problem.weighs(i)) tokens += chosen.back().unmasked;
    weights += problem.weights.empty() ? 1 : problem.weights[static_cast<size_t>(i)];
  }
  for (size_t i = 0; i < result.size(); ++i) {
    result[i].at_kink = false;
    const Sum &c = chosen[i], &r = rejected[i];
    Terms t;
    t.chosen = divergence(o, Dual(c.delta, 1, 0));
    t.rejected = divergence(o, Dual(r.delta, 0, 1));
    t.length_chosen = c.length;
    t.length_rejected = r.length;
    t.mean_chosen = Dual(c.delta, 1, 0) * Dual(1 / c.length);
    t.mean_rejected = Dual(r.delta, 0, 1) * Dual(1 / r.length);
    Dual sum;
    for (int k = 0; k < o.terms; ++k) {
      // The odds of no tokens are none.
      if (o.kinds[k] == EQP_PAIR_LOSS_ORPO && (c.unmasked == 0 || r.unmasked == 0)) continue;
      sum = sum +
            Dual(static_cast<Real>(o.weights[k])) * value_of(o.kinds[k], o, t, &result[i].at_kink);
    }
    losses.push_back(sum);
    const Bounded beta = static_cast<Real>(o.beta);
    const auto reward = [&](const Sum& s, const Dual& mean) {
      if (has_kind(o, EQP_PAIR_LOSS_SIMPO)) return beta * quality(o, mean).value;
      return beta * (has_kind(o, EQP_PAIR_LOSS_ORPO) ? mean.value : s.delta);
    };
    result[i].chosen = {c.log_prob, reward(c, t.mean_chosen), {}, c.shared};
    result[i].rejected = {r.log_prob, reward(r, t.mean_rejected), {}, r.shared};
    result[i].margin = result[i].chosen.reward - result[i].rejected.reward;
  }
  Real sft = 0;
  for (int k = 0; k < o.terms; ++k) {
    const eqp_pair_loss_kind kind = o.kinds[k];
    if (kind == EQP_PAIR_LOSS_AOT || kind == EQP_PAIR_LOSS_AOT_UNPAIRED)
      add_sorted(kind, o, chosen, rejected, o.weights[k], &losses);
    if (kind == EQP_PAIR_LOSS_SFT) sft += o.weights[k];
  }
  const Bounded token = Bounded(tokens == 0 ? 0 : sft * weights / tokens);
  for (size_t i = 0; i < result.size(); ++i) {
    result[i].counts = problem.weighs(static_cast<int64_t>(i));
    if (!result[i].counts) continue;
    const Bounded weight = problem.weights.empty() ? 1 : static_cast<Real>(problem.weights[i]);
    const Bounded ld_alpha = static_cast<Real>(o.ld_alpha);
    const Bounded by_chosen = weight * losses[i].by_chosen;
    const Bounded by_rejected = weight * losses[i].by_rejected;
    result[i].loss = weight * losses[i].value - token * chosen[i].plain;
    result[i].chosen.slope[0] = by_chosen - token;
    result[i].chosen.slope[1] = ld_alpha * by_chosen - token;
    result[i].rejected.slope[0] = by_rejected;
    result[i].rejected.slope[1] = ld_alpha * by_rejected;
  }
  return result;
}

}  // namespace eqp::test
