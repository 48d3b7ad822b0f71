#include "conformance/policy_loss_oracle.h"

#include <algorithm>

namespace eqp::test {
namespace {

using Real = long double;

Tracked indicator(Tested condition) { return choose(condition, 1, 0); }

Tracked log_weight_bound(Tracked x) { return maximum(minimum(x, 20), logl(1e-8L)); }

Tracked or_zero(Tracked x) { return std::isnan(x.value) ? Tracked() : x; }

// A token's surrogate and its derivatives: through the level's log-ratio, and through the log-prob
// itself.
struct Surrogate {
  Tracked value, d_log_ratio, d_log_prob, weight, clip_low, clip_high, dual_clip;
};

class SequenceOracle {
 public:
  SequenceOracle(const PolicyProblem& p, const eqp_policy_loss_options& o, int64_t i)
      : p_(p), o_(o), i_(i) {
    for (int64_t t = 0; t < p.tokens; ++t) {
      if (p.counts(i, t)) unmasked_.push_back(t);
    }
    length_ = static_cast<Real>(std::max<size_t>(1, unmasked_.size()));
    find_shared();
  }

  Real length() const { return length_; }
  const std::vector<int64_t>& unmasked() const { return unmasked_; }

  // Adds the tokens' numbers to sums (indexed like the metrics) and returns the sum of their losses;
  // gradient[t] is that sum's.
  Tracked evaluate(TrackedSum* sums, std::vector<Tracked>* gradient) const {
    TrackedSum loss, through_mean;
    std::vector<Tracked> own(static_cast<size_t>(p_.tokens)), member(own.size());
    for (const int64_t t : unmasked_) {
      const size_t k = static_cast<size_t>(t);
      const Tracked ratio = exp(level(t, false));
      const Surrogate f = surrogate(t, ratio);
      const Tracked c = factor(t, sums);
      // What is dropped is 0 whatever it holds.
      const auto scaled = [&](Tracked x) {
        return c.value == 0 && c.error == 0 ? Tracked() : c * x;
      };
      Tracked value = scaled(f.value);
      Tracked through = scaled(f.d_log_ratio);
      own[k] = scaled(f.d_log_prob);
      if (!p_.reference.empty()) {
        Tracked slope, through_ratio;
        const Tracked kl = divergence(t, ratio, &slope, &through_ratio);
        sums[EQP_POLICY_METRIC_KL].add(kl);
        if (o_.kl_beta > 0) {
          const Tracked beta = Tracked::constant(o_.kl_beta);
          value = value + beta * kl;
          own[k] = own[k] + beta * slope;
          const Tracked through_kl = beta * through_ratio;
          if (o_.importance == EQP_POLICY_IMPORTANCE_SEQUENCE)
            through = through + through_kl;
          else
            own[k] = own[k] + through_kl;
        }
      }
      loss.add(value);
      if (shares()) {
        through_mean.add(through);
        member[k] = is_gmpo() ? indicator(inside(t)) * keeps(t) : Tracked(1);
      } else {
        own[k] = own[k] + through;
      }
      sums[EQP_POLICY_METRIC_RATIO].add(ratio);
      sums[EQP_POLICY_METRIC_WEIGHT].add(f.weight);
      sums[EQP_POLICY_METRIC_CLIP_LOW].add(f.clip_low);
      sums[EQP_POLICY_METRIC_CLIP_HIGH].add(f.clip_high);
      sums[EQP_POLICY_METRIC_DUAL_CLIP].add(f.dual_clip);
    }
    gradient->assign(static_cast<size_t>(p_.tokens), Tracked());
    const Tracked each = shares() ? through_mean.total() / mean_tokens_ : Tracked();
    for (const int64_t t : unmasked_) {
      const size_t k = static_cast<size_t>(t);
      (*gradient)[k] = own[k] + (shares() ? member[k] * each : Tracked());
    }
    return loss.total();
  }

  Tracked keeps(int64_t t) const {
    if (p_.threshold.empty()) return 1;
    return p_.entropy[p_.at(i_, t)] >= p_.threshold[0] ? 1 : 0;
  }

 private:
  bool is_gmpo() const { return o_.surrogate == EQP_POLICY_SURROGATE_GMPO; }
  bool shares() const { return is_gmpo() || o_.importance == EQP_POLICY_IMPORTANCE_SEQUENCE; }
  Tracked log_prob(int64_t t, bool held) const {
    return (held ? p_.held : p_.log_probs)[p_.at(i_, t)];
  }
  Tracked old(int64_t t) const {
    return p_.old_log_probs.empty() ? log_prob(t, true) : Tracked(p_.old_log_probs[p_.at(i_, t)]);
  }
  Tracked sampler(int64_t t) const {
    return p_.sampler.empty() ? old(t) : Tracked(p_.sampler[p_.at(i_, t)]);
  }
  Tracked token_log_ratio(int64_t t, bool held) const { return log_prob(t, held) - old(t); }

  // GMPO's clipped log-ratio, and whether the clip leaves it alone.
  Tracked one_sided(int64_t t, bool held) const {
    const Tracked w = token_log_ratio(t, held);
    return p_.advantage(i_, t) > 0 ? minimum(w, Tracked::constant(o_.epsilon_high))
                                   : maximum(w, -Tracked::constant(o_.epsilon_low));
  }
  Tested inside(int64_t t) const {
    const Tracked w = token_log_ratio(t, false);
    const Tested outside = p_.advantage(i_, t) > 0 ? less(Tracked::constant(o_.epsilon_high), w)
                                                   : less(w, -Tracked::constant(o_.epsilon_low));
    return {!outside.holds, outside.open};
  }

  // Everything that the sequence's tokens share.
  void find_shared() {
    TrackedSum ratio, ratio_held, drift, difference, clipped, kept, weight;
    for (const int64_t t : unmasked_) {
      ratio.add(token_log_ratio(t, false));
      ratio_held.add(token_log_ratio(t, true));
      drift.add(or_zero(sampler(t) - log_prob(t, true)));
      difference.add(or_zero(old(t) - sampler(t)));
      kept.add(keeps(t));
      clipped.add(keeps(t).value == 0 ? Tracked() : one_sided(t, false));
      const Tracked w = token_log_ratio(t, true);
      weight.add(maximum(minimum(w, 20), -20) +
                 (corrects() ? log_weight_bound(log_sampler_ratio(t)) : Tracked()));
    }
    mean_ = ratio.total() / length_;
    mean_held_ = ratio_held.total() / length_;
    drift_ = drift.total() / length_;
    sampler_difference_ = difference.total();
    mean_tokens_ = is_gmpo() ? std::max<Real>(1, kept.total().value) : length_;
    geometric_mean_ = exp(clipped.total() / mean_tokens_);
    log_weight_ = log_weight_bound(weight.total());
  }

  bool corrects() const { return o_.sampler_correction != EQP_SAMPLER_CORRECTION_NONE; }
  // The log of a token's limited ratio: -inf where it is masked.
  Tracked log_sampler_ratio(int64_t t) const {
    const Tracked x = or_zero(old(t) - sampler(t));
    const Real low = logl(static_cast<Real>(o_.sampler_min)),
               high = logl(static_cast<Real>(o_.sampler_max));
    if (o_.sampler_correction == EQP_SAMPLER_CORRECTION_TRUNCATE)
      return maximum(minimum(x, high), low);
    const bool outside = x.value < low || x.value > high;
    return outside ? Tracked(logl(1e-8L)) : x;
  }

  // The log-ratio of the importance level.
  Tracked level(int64_t t, bool held) const {
    if (o_.importance == EQP_POLICY_IMPORTANCE_TOKEN) return token_log_ratio(t, held);
    if (o_.importance == EQP_POLICY_IMPORTANCE_SEQUENCE) return held ? mean_held_ : mean_;
    const Tracked step =
        p_.log_probs == p_.held ? Tracked() : log_prob(t, held) - log_prob(t, true);
    return mean_held_ + step;
  }

  Surrogate surrogate(int64_t t, Tracked ratio) const {
    const Tracked a = p_.advantage(i_, t);
    const Tracked low = Tracked::constant(1 - static_cast<Real>(o_.epsilon_low));
    const Tracked high = Tracked::constant(1 + static_cast<Real>(o_.epsilon_high));
    Surrogate f;
    const auto held_weight = [&](Tracked weight) {
      f.weight = weight;
      f.d_log_prob = -(weight * a);
      f.value = f.d_log_prob * log_prob(t, false);
    };
    const auto count_clips = [&](Tracked x, Tracked below, Tracked above) {
      if (a.value < 0) f.clip_low = indicator(less(x, below));
      if (a.value > 0) f.clip_high = indicator(less(above, x));
    };
    switch (o_.surrogate) {
      case EQP_POLICY_SURROGATE_CLIP: {
        count_clips(ratio, low, high);
        const Tracked dual = Tracked::constant(o_.dual_clip);
        if (a.value < 0) f.dual_clip = indicator(less(dual, ratio));
        // -min(q A, clip(q) A), then at most -c A where A < 0.
        const Tracked effective = a.value > 0   ? minimum(ratio, high)
                                  : a.value < 0 ? minimum(maximum(ratio, low), dual)
                                                : ratio;
        f.value = -(effective * a);
        const Tested bites = a.value > 0 ? less(high, ratio) : less(ratio, low);
        f.d_log_ratio = choose(bites, 0, -(ratio * a));
        if (a.value < 0) f.d_log_ratio = choose(less(dual, ratio), 0, f.d_log_ratio);
        if (a.value == 0 && !std::isnan(ratio.value)) f.d_log_ratio = 0;
        break;
      }
      case EQP_POLICY_SURROGATE_CISPO_ABSOLUTE: {
        const Tracked cap = Tracked::constant(o_.epsilon_high);
        count_clips(ratio, 0, cap);
        held_weight(minimum(exp(level(t, true)), cap));
        break;
      }
      case EQP_POLICY_SURROGATE_CISPO_RELATIVE:
        count_clips(ratio, low, high);
        held_weight(maximum(minimum(exp(level(t, true)), high), low));
        break;
      case EQP_POLICY_SURROGATE_SAPO: {
        const Tracked tau =
            Tracked::constant(a.value > 0 ? o_.sapo_tau_positive : o_.sapo_tau_negative);
        const Tracked e = exp(-(tau * (ratio - 1)));
        f.value = -(a * (Tracked(4) / tau)) * (Tracked(1) / (Tracked(1) + e));
        // d sigmoid(x)/dx = e^-x / (1 + e^-x)^2, in the form that does not overflow.
        const Tracked gate = Tracked(1) / (Tracked(1) + e);
        const Tracked shut =
            e.value < 1 ? e * gate : Tracked(1) / (Tracked(1) + exp(tau * (ratio - 1)));
        f.d_log_ratio = -(a * Tracked(4)) * (ratio * (gate * shut));
        break;
      }
      case EQP_POLICY_SURROGATE_VESPO: {
        const bool positive = a.value >= 0;
        const Tracked k = positive ? o_.vespo_k_positive : o_.vespo_k_negative;
        const Tracked lambda = positive ? o_.vespo_lambda_positive : o_.vespo_lambda_negative;
        held_weight(exp(lambda + k * log_weight_ - lambda * exp(log_weight_)));
        break;
      }
      default:  // GMPO
        count_clips(token_log_ratio(t, false), -Tracked::constant(o_.epsilon_low),
                    Tracked::constant(o_.epsilon_high));
        f.value = -(geometric_mean_ * a);
        f.d_log_ratio = f.value;
    }
    return f;
  }

  Tracked sampler_ratio(int64_t t, TrackedSum* sums) const {
    const Tracked difference = or_zero(old(t) - sampler(t));
    const Tracked ratio =
        exp(o_.sampler_level == EQP_POLICY_IMPORTANCE_TOKEN ? difference : sampler_difference_);
    Tracked limited = ratio, outside;
    if (corrects()) {
      const Tracked low = Tracked::constant(o_.sampler_min),
                    high = Tracked::constant(o_.sampler_max);
      outside = indicator(less(ratio, low)) + indicator(less(high, ratio));
      limited = maximum(minimum(ratio, high), low);
      if (o_.sampler_correction == EQP_SAMPLER_CORRECTION_MASK) {
        limited = choose(less(ratio, low), 0, ratio);
        limited = choose(less(high, ratio), 0, limited);
      }
    }
    sums[EQP_POLICY_METRIC_SAMPLER_RATIO].add(limited);
    sums[EQP_POLICY_METRIC_SAMPLER_LIMITED].add(outside);
    sums[EQP_POLICY_METRIC_SAMPLER_DIFFERENCE].add({fabsl(difference.value), difference.error});
    return limited;
  }

  // What multiplies the surrogate.
  Tracked factor(int64_t t, TrackedSum* sums) const {
    const Real a = p_.advantage(i_, t);
    Tracked c = 1;
    if (o_.off_policy_threshold < HUGE_VAL) {
      const Tracked kept =
          a < 0 ? Tracked(1) - indicator(less(o_.off_policy_threshold, drift_)) : Tracked(1);
      sums[EQP_POLICY_METRIC_OFF_POLICY].add(Tracked(1) - kept);
      c = c * kept;
    }
    if (!p_.entropy.empty()) {
      sums[EQP_POLICY_METRIC_ENTROPY].add(p_.entropy[p_.at(i_, t)]);
      sums[EQP_POLICY_METRIC_ENTROPY_KEPT].add(keeps(t));
      if (!is_gmpo()) c = c * keeps(t);
    }
    if (!p_.sampler.empty()) {
      const Tracked ratio = sampler_ratio(t, sums);
      if (corrects() && o_.surrogate != EQP_POLICY_SURROGATE_VESPO) c = c * ratio;
    }
    const bool floored =
        a < 0 && log_prob(t, true).value < static_cast<Real>(o_.negative_log_prob_floor);
    sums[EQP_POLICY_METRIC_FLOORED].add(floored ? 1 : 0);
    return floored ? Tracked() : c;
  }

  Tracked divergence(int64_t t, Tracked ratio, Tracked* slope, Tracked* through_ratio) const {
    const Tracked d = log_prob(t, false) - Tracked(p_.reference[p_.at(i_, t)]);
    Tracked value;
    switch (o_.kl) {
      case EQP_POLICY_KL_K1:
        value = d;
        *slope = std::isnan(d.value) ? d : Tracked(1);
        break;
      case EQP_POLICY_KL_ABS:
        value = {fabsl(d.value), d.error};
        *slope = std::isnan(d.value) ? d : Tracked(d.value < 0 ? -1 : d.value > 0 ? 1 : 0);
        break;
      case EQP_POLICY_KL_K2:
        value = Tracked(0.5L) * (d * d);
        *slope = d;
        break;
      default:
        value = k3(d, slope);
    }
    if (o_.kl_unbiased == 0) return value;
    if (o_.kl == EQP_POLICY_KL_K3 && d.value < -1) {
      // q (e^-d - 1 + d) = e^(w - d) + q (d - 1): the factors may be beyond the type's range.
      const Tracked power = exp(level(t, false) - d);
      *slope = ratio - power;
      *through_ratio = power + ratio * (d - Tracked(1));
      return *through_ratio;
    }
    *slope = ratio * *slope;
    *through_ratio = ratio * value;
    return *through_ratio;
  }

  // e^-d - 1 + d and 1 - e^-d. Near 0 they are as exact as d allows: the series, 8 roundings.
  static Tracked k3(Tracked d, Tracked* slope) {
    if (!(fabsl(d.value) <= 0.5L)) {
      const Tracked e = exp(-d);
      *slope = Tracked(1) - e;
      return (e + d) - 1;
    }
    Real value = 0, term = -d.value;
    for (int k = 2; k <= 25; ++k) {
      term *= -d.value / k;
      value += term;
    }
    const Real derivative = d.value - value;
    const Real u = Tracked::roundoff();
    *slope = {derivative, (1 - derivative) * d.error + 8 * u * fabsl(derivative)};
    return {value, (fabsl(derivative) + d.error) * d.error + 8 * u * value + Tracked::tiny()};
  }

  const PolicyProblem& p_;
  const eqp_policy_loss_options& o_;
  int64_t i_;
  std::vector<int64_t> unmasked_;
  Real length_ = 1, mean_tokens_ = 1;
  Tracked mean_, mean_held_, drift_, sampler_difference_, geometric_mean_, log_weight_;
};

}  // namespace

PolicyOracle policy_oracle(const PolicyProblem& p, const eqp_policy_loss_options& o, Real u,
                           Real tiny) {
  Tracked::roundoff() = u;
  Tracked::tiny() = tiny;
  Real tokens = 0, kept = 0;
  std::vector<SequenceOracle> sequences;
  for (int64_t i = 0; i < p.sequences; ++i) {
    sequences.emplace_back(p, o, i);
    for (const int64_t t : sequences.back().unmasked()) {
      tokens += 1;
      kept += sequences.back().keeps(t).value;
    }
  }
  const Real s = static_cast<Real>(o.total_sequences > 0 ? o.total_sequences
                                                         : static_cast<double>(p.sequences));
  if (o.total_kept_tokens > 0) {
    kept = static_cast<Real>(o.total_kept_tokens);
  } else if (o.total_tokens > 0) {
    kept = static_cast<Real>(o.total_tokens);
  }
  PolicyOracle oracle;
  oracle.d_log_probs.resize(p.mask.size());
  oracle.d_entropy.resize(p.mask.size());
  TrackedSum sums[EQP_POLICY_METRIC_COUNT], loss;
  const Tracked bonus = Tracked(o.entropy_coefficient) / std::max<Real>(1, kept);
  for (int64_t i = 0; i < p.sequences; ++i) {
    const SequenceOracle& sequence = sequences[static_cast<size_t>(i)];
    Real divisor = s;
    if (o.normalizer == EQP_POLICY_NORMALIZER_GRPO) divisor *= sequence.length();
    if (o.normalizer == EQP_POLICY_NORMALIZER_DR_GRPO)
      divisor *= static_cast<Real>(o.max_completion_length);
    if (o.normalizer == EQP_POLICY_NORMALIZER_DAPO)
      divisor = std::max<Real>(1, o.total_tokens > 0 ? static_cast<Real>(o.total_tokens) : tokens);
    const Real weight = p.weights.empty() ? 1 : p.weights[static_cast<size_t>(i)];
    const Tracked scale = Tracked(weight) / divisor;
    std::vector<Tracked> gradient;
    Tracked share = scale * sequence.evaluate(sums, &gradient);
    TrackedSum entropy;
    for (const int64_t t : sequence.unmasked()) {
      oracle.d_log_probs[p.at(i, t)] = scale * gradient[static_cast<size_t>(t)];
      if (p.entropy.empty() || sequence.keeps(t).value == 0) continue;
      entropy.add(p.entropy[p.at(i, t)]);
      oracle.d_entropy[p.at(i, t)] = -bonus;
    }
    share = share - bonus * entropy.total();
    oracle.sequence_losses.push_back(share);
    loss.add(share);
  }
  oracle.loss = loss.total();
  for (int k = 0; k < EQP_POLICY_METRIC_COUNT; ++k)
    oracle.metrics[k] = sums[k].total() / std::max<Real>(1, tokens);
  oracle.metrics[EQP_POLICY_METRIC_TOKENS] = Tracked(tokens);
  return oracle;
}

}  // namespace eqp::test
