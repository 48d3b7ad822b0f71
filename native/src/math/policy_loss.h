// One token of policy_loss, and what its sequence gives it; the formulas are in policy_surrogate.h.
//
// A sequence whose tokens share something (a ratio, a weight, a mask) is swept before its tokens:
// policy_facts are summed over it and policy_sequence turns the sums into what is shared. Where the
// gradient of what is shared comes from every token (importance SEQUENCE, GMPO), the tokens'
// `shared` slopes are summed too and go back to each member of the mean as PolicySequence::slope.
#pragma once

#include "abi/calls/policy_loss.h"
#include "math/policy_surrogate.h"

namespace eqp {
namespace EQP_ISA {

// What is summed over tokens: the loss, and the numerators of the metrics. A lean form has only the
// first few.
enum PolicySum {
  kLoss,
  kRatio,
  kClipLow,
  kClipHigh,
  kKl,
  kFloored,
  kLeanSums,
  kWeight = kLeanSums,
  kLeanSumsWithWeight,
  kDualClip = kLeanSumsWithWeight,
  kEntropy,
  kEntropyKept,  // tokens that pass the entropy mask: the denominator of the bonus
  kBonus,        // their entropy
  kOffPolicy,
  kSamplerRatio,
  kSamplerLimited,
  kSamplerDifference,
  kAllSums
};

// What is summed over a sequence before its tokens are looked at.
enum PolicyFact { kImportance, kKept, kDrift, kSampler, kFacts };

template <class S>  // S: the scalar type
struct PolicyConstants {
  eqp_policy_surrogate surrogate;
  eqp_policy_importance importance;
  eqp_policy_kl kl;
  bool kl_unbiased, has_reference, has_sampler, has_entropy, entropy_mask, off_policy;
  eqp_sampler_correction sampler_correction;
  eqp_policy_importance sampler_level;
  S ratio_low, ratio_high;  // bounds of the ratio; GMPO: of the log-ratio
  S dual_clip;
  S tau_positive, tau_negative;
  S kl_beta;
  S floor;  // negative_log_prob_floor
  S sampler_min, sampler_max, log_sampler_min, log_sampler_max;
  S entropy_threshold;
};

// What all tokens of a sequence share.
template <class S>
struct PolicySequence {
  S ratio = 1, log_ratio = 0;                  // importance SEQUENCE, SEQUENCE_TOKEN
  S weight_positive = 0, weight_negative = 0;  // VESPO: phi by the advantage's sign; GMPO: the mean
  S keep_negative = 1;                         // off-policy mask of tokens with A < 0
  S sampler = 1, sampler_limited = 0;          // sampler_level SEQUENCE
  S slope = 0;  // what each member of a shared mean gets of its gradient
};

template <class T>
struct PolicyInputs {
  // An absent old or reference is the log-prob itself, an absent sampler is old.
  T log_prob, old_log_prob, reference, sampler, advantage, entropy;
};

template <class T>
struct PolicyToken {
  T sums[kAllSums];
  T d_log_prob;
  T shared;  // slope with respect to what the sequence shares
};

// Which branches of a token exist at compile time.
//
// A lean form knows its surrogate and importance, its KL estimate is K3, and it has none of the
// options that most losses do without: dual clip, off-policy mask, sampler correction, entropy. Its
// loop carries no branches and few sums. CISPO_ABSOLUTE stands for both CISPOs, which differ in
// their bounds alone.
template <eqp_policy_surrogate kSurrogate, eqp_policy_importance kImportance>
struct LeanForm {
  static constexpr bool kLean = true;
  static constexpr int kSums =
      kSurrogate == EQP_POLICY_SURROGATE_CISPO_ABSOLUTE || kSurrogate == EQP_POLICY_SURROGATE_VESPO
          ? kLeanSumsWithWeight
          : kLeanSums;
  static constexpr int kFactCount = 1;
  template <class S>
  EQP_HD eqp_policy_surrogate surrogate(const PolicyConstants<S>&) {
    return kSurrogate;
  }
  template <class S>
  EQP_HD eqp_policy_importance importance(const PolicyConstants<S>&) {
    return kImportance;
  }
};
using PlainForm = LeanForm<EQP_POLICY_SURROGATE_CLIP, EQP_POLICY_IMPORTANCE_TOKEN>;

struct GeneralForm {
  static constexpr bool kLean = false;
  static constexpr int kSums = kAllSums;
  static constexpr int kFactCount = kFacts;
  template <class S>
  EQP_HD eqp_policy_surrogate surrogate(const PolicyConstants<S>& c) {
    return c.surrogate;
  }
  template <class S>
  EQP_HD eqp_policy_importance importance(const PolicyConstants<S>& c) {
    return c.importance;
  }
};

EQP_HD bool is_lean(const PolicyLoss& call) {
  const eqp_policy_loss_options& o = call.options;
  return o.kl == EQP_POLICY_KL_K3 && o.kl_unbiased == 0 && !(o.dual_clip < kInfinity) &&
         !(o.off_policy_threshold < kInfinity) && call.sampler_log_probs.data == nullptr &&
         call.entropy.data == nullptr;
}
EQP_HD bool is_plain(const PolicyLoss& call) {
  return is_lean(call) && call.options.surrogate == EQP_POLICY_SURROGATE_CLIP &&
         call.options.importance == EQP_POLICY_IMPORTANCE_TOKEN;
}

// The divisor common to all sequences; `tokens`: the unmasked ones of the call, where
// counts_unmasked_tokens.
EQP_HD double policy_divisor(const PolicyLoss& call, double tokens) {
  const eqp_policy_loss_options& o = call.options;
  if (o.normalizer == EQP_POLICY_NORMALIZER_DAPO) {
    const double total = o.total_tokens == 0 ? tokens : o.total_tokens;
    return total < 1 ? 1.0 : total;
  }
  const double sequences =
      o.total_sequences == 0 ? static_cast<double>(call.log_probs.rows) : o.total_sequences;
  return (sequences < 1 ? 1.0 : sequences) *
         (o.normalizer == EQP_POLICY_NORMALIZER_DR_GRPO ? o.max_completion_length : 1.0);
}
EQP_HD bool counts_unmasked_tokens(const PolicyLoss& call) {
  return call.options.normalizer == EQP_POLICY_NORMALIZER_DAPO && call.options.total_tokens == 0;
}

// What the entropy bonus takes of each kept token; `kept`: those of the call, where counts_kept_tokens.
EQP_HD double policy_bonus(const PolicyLoss& call, double kept) {
  const eqp_policy_loss_options& o = call.options;
  const double total = o.total_kept_tokens != 0 ? o.total_kept_tokens
                       : o.total_tokens != 0    ? o.total_tokens
                                                : kept;
  return o.entropy_coefficient / (total < 1 ? 1.0 : total);
}
EQP_HD bool counts_kept_tokens(const PolicyLoss& call) {
  const eqp_policy_loss_options& o = call.options;
  return o.entropy_coefficient != 0 && o.total_kept_tokens == 0 && o.total_tokens == 0;
}

// What the losses of a sequence's tokens are multiplied by; `scale`: 1 / policy_divisor, `length`: its
// unmasked tokens.
template <class S>
EQP_HD double sequence_scale(const PolicyLoss& call, int64_t sequence, double scale,
                             double length) {
  if (call.options.normalizer == EQP_POLICY_NORMALIZER_GRPO && length > 1.0) scale /= length;
  if (call.sequence_weights.data != nullptr)
    scale *= static_cast<double>(static_cast<const S*>(call.sequence_weights.data)[sequence]);
  return scale;
}

// Whether a sequence counts nowhere.
template <class S>
EQP_HD bool is_left_out(const PolicyLoss& call, int64_t sequence) {
  return (call.truncated != nullptr && call.truncated[sequence] != 0) ||
         (call.sequence_weights.data != nullptr &&
          static_cast<const S*>(call.sequence_weights.data)[sequence] == S(0));
}

// Whether a sequence must be swept before its tokens.
template <class Form, class S>
EQP_HD bool needs_facts(const PolicyConstants<S>& c) {
  return Form::importance(c) != EQP_POLICY_IMPORTANCE_TOKEN ||
         Form::surrogate(c) == EQP_POLICY_SURROGATE_VESPO ||
         Form::surrogate(c) == EQP_POLICY_SURROGATE_GMPO ||
         (!Form::kLean &&
          (c.off_policy || (c.has_sampler && c.sampler_level == EQP_POLICY_IMPORTANCE_SEQUENCE)));
}

// Whether tokens have a gradient through what they share.
template <class Form, class S>
EQP_HD bool shares_slope(const PolicyConstants<S>& c) {
  return Form::importance(c) == EQP_POLICY_IMPORTANCE_SEQUENCE ||
         Form::surrogate(c) == EQP_POLICY_SURROGATE_GMPO;
}

template <class Form, class S>
EQP_HD PolicyConstants<S> policy_constants(const PolicyLoss& call) {
  const eqp_policy_loss_options& o = call.options;
  PolicyConstants<S> c = {};
  c.ratio_low = static_cast<S>(1.0 - o.epsilon_low);
  c.ratio_high = static_cast<S>(1.0 + o.epsilon_high);
  if (o.surrogate == EQP_POLICY_SURROGATE_CISPO_ABSOLUTE) {
    c.ratio_low = 0;
    c.ratio_high = static_cast<S>(o.epsilon_high);
  } else if (o.surrogate == EQP_POLICY_SURROGATE_GMPO) {
    c.ratio_low = static_cast<S>(-o.epsilon_low);
    c.ratio_high = static_cast<S>(o.epsilon_high);
  }
  c.tau_positive = static_cast<S>(o.sapo_tau_positive);
  c.tau_negative = static_cast<S>(o.sapo_tau_negative);
  c.kl_beta = static_cast<S>(o.kl_beta);
  c.floor = static_cast<S>(o.negative_log_prob_floor);
  c.has_reference = call.reference_log_probs.data != nullptr;
  if (Form::kLean) return c;
  c.surrogate = o.surrogate;
  c.importance = o.importance;
  c.kl = o.kl;
  c.kl_unbiased = o.kl_unbiased != 0;
  c.dual_clip = static_cast<S>(o.dual_clip);
  c.off_policy = o.off_policy_threshold < kInfinity;
  c.has_sampler = call.sampler_log_probs.data != nullptr;
  c.sampler_correction = o.sampler_correction;
  c.sampler_level = o.sampler_level;
  const bool limited = o.sampler_correction != EQP_SAMPLER_CORRECTION_NONE;
  const double low = limited ? o.sampler_min : 0.0, high = limited ? o.sampler_max : kInfinity;
  c.sampler_min = static_cast<S>(low);
  c.sampler_max = static_cast<S>(high);
  c.log_sampler_min = static_cast<S>(log(low));
  c.log_sampler_max = static_cast<S>(log(high));
  c.has_entropy = call.entropy.data != nullptr;
  c.entropy_mask = call.entropy_threshold != nullptr;
  if (c.entropy_mask) c.entropy_threshold = *static_cast<const S*>(call.entropy_threshold);
  return c;
}

// What W of VESPO and the logs of the ratios in it are clipped to.
constexpr double kLogWeightLow = -18.420680743952367;  // ln 1e-8
constexpr double kLogWeightHigh = 20.0;

template <class T, class S>
EQP_HD T entropy_kept(const PolicyInputs<T>& x, const PolicyConstants<S>& c) {
  const T zero = {}, one = zero + S(1);
  return c.entropy_mask ? (x.entropy >= c.entropy_threshold ? one : zero) : one;
}

// GMPO bounds the log-ratio on the side on which the advantage pulls it.
template <class T, class S>
EQP_HD T one_sided(T log_ratio, T advantage, const PolicyConstants<S>& c) {
  const T zero = {};
  const T from_above = log_ratio > c.ratio_high ? broadcast<T>(c.ratio_high) : log_ratio;
  const T from_below = log_ratio < c.ratio_low ? broadcast<T>(c.ratio_low) : log_ratio;
  return advantage > zero ? from_above : from_below;
}

// What one token adds to its sequence's facts; a lean form has no other than kImportance.
template <class Form, class T, class S>
EQP_HD void policy_facts(const PolicyInputs<T>& x, const PolicyConstants<S>& c,
                         T (&facts)[Form::kFactCount]) {
  const T zero = {};
  const T log_ratio = x.log_prob - x.old_log_prob;
  const T kept = Form::kLean ? zero + S(1) : entropy_kept(x, c);
  facts[kImportance] = log_ratio;
  if (Form::surrogate(c) == EQP_POLICY_SURROGATE_GMPO) {
    const T bounded = one_sided(log_ratio, x.advantage, c);
    facts[kImportance] = Form::kLean ? bounded : (kept > zero ? bounded : zero);
  } else if (Form::surrogate(c) == EQP_POLICY_SURROGATE_VESPO) {
    facts[kImportance] = clip(log_ratio, S(-20), S(20));
  }
  if constexpr (!Form::kLean) {
    const T difference = not_nan(x.old_log_prob - x.sampler, S(0));
    facts[kKept] = kept;
    facts[kDrift] = not_nan(x.sampler - x.log_prob, S(0));
    facts[kSampler] = difference;
    if (c.surrogate == EQP_POLICY_SURROGATE_VESPO &&
        c.sampler_correction != EQP_SAMPLER_CORRECTION_NONE) {
      const T low = broadcast<T>(static_cast<S>(kLogWeightLow));
      const T limited = clip(difference, c.log_sampler_min, c.log_sampler_max);
      const T dropped = limited == difference ? difference : low;  // its ratio is 0
      const bool drops = c.sampler_correction == EQP_SAMPLER_CORRECTION_MASK;
      facts[kImportance] =
          facts[kImportance] + clip(drops ? dropped : limited, static_cast<S>(kLogWeightLow),
                                    static_cast<S>(kLogWeightHigh));
    }
  }
}

// The members of the mean that a sequence's tokens share.
template <class Form, class S>
EQP_HD double members_of(const double (&facts)[Form::kFactCount], double length,
                         const PolicyConstants<S>& c) {
  double members = length;
  if constexpr (!Form::kLean) {
    if (c.surrogate == EQP_POLICY_SURROGATE_GMPO) members = facts[kKept];
  }
  return members < 1.0 ? 1.0 : members;
}

EQP_HD double vespo_weight(double log_weight, double k, double lambda) {
  const double phi = exp(lambda + k * log_weight - lambda * exp(log_weight));
  return phi == kInfinity ? 0.0 : phi;
}

// The facts' sums over `length` tokens, in double.
template <class Form, class S>
EQP_HD PolicySequence<S> policy_sequence(const double (&facts)[Form::kFactCount], double length,
                                         const eqp_policy_loss_options& o,
                                         const PolicyConstants<S>& c) {
  PolicySequence<S> sequence;
  const double tokens = length < 1.0 ? 1.0 : length;
  if (Form::importance(c) != EQP_POLICY_IMPORTANCE_TOKEN) {
    sequence.log_ratio = static_cast<S>(facts[kImportance] / tokens);
    sequence.ratio = static_cast<S>(exp(facts[kImportance] / tokens));
  }
  if (Form::surrogate(c) == EQP_POLICY_SURROGATE_GMPO) {
    sequence.weight_positive =
        static_cast<S>(exp(facts[kImportance] / members_of<Form>(facts, length, c)));
    sequence.weight_negative = sequence.weight_positive;
  } else if (Form::surrogate(c) == EQP_POLICY_SURROGATE_VESPO) {
    const double log_weight = clip(facts[kImportance], kLogWeightLow, kLogWeightHigh);
    sequence.weight_positive =
        static_cast<S>(vespo_weight(log_weight, o.vespo_k_positive, o.vespo_lambda_positive));
    sequence.weight_negative =
        static_cast<S>(vespo_weight(log_weight, o.vespo_k_negative, o.vespo_lambda_negative));
  }
  if constexpr (!Form::kLean) {
    if (c.off_policy) {
      sequence.keep_negative = facts[kDrift] / tokens <= o.off_policy_threshold ? S(1) : S(0);
    }
    if (c.has_sampler && c.sampler_level == EQP_POLICY_IMPORTANCE_SEQUENCE) {
      const double ratio = exp(facts[kSampler]);
      const double limited =
          clip(ratio, static_cast<double>(c.sampler_min), static_cast<double>(c.sampler_max));
      sequence.sampler_limited = limited != ratio ? S(1) : S(0);
      const bool dropped = limited != ratio && c.sampler_correction == EQP_SAMPLER_CORRECTION_MASK;
      sequence.sampler = dropped ? S(0) : static_cast<S>(limited);
    }
  }
  return sequence;
}

template <class Form, class T, class S>
EQP_HD Surrogate<T> surrogate_of(const PolicyInputs<T>& x, T ratio, const PolicyConstants<S>& c,
                                 const PolicySequence<S>& s) {
  const T zero = {}, one = zero + S(1);
  if (Form::surrogate(c) == EQP_POLICY_SURROGATE_CLIP) {
    return clipped_ratio<!Form::kLean>(ratio, x.advantage, c.ratio_low, c.ratio_high, c.dual_clip);
  }
  if (Form::surrogate(c) == EQP_POLICY_SURROGATE_SAPO) {
    return soft_gate(ratio, x.advantage, c.tau_positive, c.tau_negative);
  }
  if (Form::surrogate(c) == EQP_POLICY_SURROGATE_VESPO) {
    const T weight =
        x.advantage >= zero ? broadcast<T>(s.weight_positive) : broadcast<T>(s.weight_negative);
    return held_weight(weight, x.advantage, x.log_prob);
  }
  const bool geometric = Form::surrogate(c) == EQP_POLICY_SURROGATE_GMPO;
  const T position = geometric ? x.log_prob - x.old_log_prob : ratio;
  const T low = ((x.advantage < zero) & (position < c.ratio_low)) ? one : zero;
  const T high = ((x.advantage > zero) & (position > c.ratio_high)) ? one : zero;
  Surrogate<T> f;
  if (geometric) {
    f.value = -times(broadcast<T>(s.weight_positive), x.advantage);
    f.d_log_ratio = f.value;
  } else {
    f = held_weight(clip(ratio, c.ratio_low, c.ratio_high), x.advantage, x.log_prob);
  }
  f.clip_low = low;
  f.clip_high = high;
  return f;
}

// r of the sampler correction, counted in the token's sums.
template <class T, class S>
EQP_HD T sampler_ratio(const PolicyInputs<T>& x, const PolicyConstants<S>& c,
                       const PolicySequence<S>& s, PolicyToken<T>& token) {
  const T zero = {}, one = zero + S(1);
  const T difference = not_nan(x.old_log_prob - x.sampler, S(0));
  token.sums[kSamplerDifference] = difference < zero ? -difference : difference;
  T ratio = broadcast<T>(s.sampler), limited = broadcast<T>(s.sampler_limited);
  if (c.sampler_level == EQP_POLICY_IMPORTANCE_TOKEN) {
    const T free = exp(difference);
    ratio = clip(free, c.sampler_min, c.sampler_max);
    limited = ratio == free ? zero : one;
    if (c.sampler_correction == EQP_SAMPLER_CORRECTION_MASK) ratio = limited > zero ? zero : ratio;
  }
  token.sums[kSamplerRatio] = ratio;
  token.sums[kSamplerLimited] = limited;
  return ratio;
}

// What multiplies the surrogate, except for the floor.
template <class T, class S>
EQP_HD T surrogate_factor(const PolicyInputs<T>& x, const PolicyConstants<S>& c,
                          const PolicySequence<S>& s, PolicyToken<T>& token) {
  const T zero = {}, one = zero + S(1);
  T factor = one;
  if (c.off_policy) {
    factor = x.advantage < zero ? broadcast<T>(s.keep_negative) : one;
    token.sums[kOffPolicy] = one - factor;
  }
  if (c.has_entropy) {
    const T kept = entropy_kept(x, c);
    token.sums[kEntropy] = x.entropy;
    token.sums[kEntropyKept] = kept;
    token.sums[kBonus] = kept > zero ? x.entropy : zero;
    if (c.surrogate != EQP_POLICY_SURROGATE_GMPO) factor = factor * kept;
  }
  if (c.has_sampler) {
    const T ratio = sampler_ratio(x, c, s, token);
    const bool corrects = c.sampler_correction != EQP_SAMPLER_CORRECTION_NONE &&
                          c.surrogate != EQP_POLICY_SURROGATE_VESPO;
    if (corrects) factor = factor == zero ? zero : factor * ratio;
  }
  return factor;
}

// 0 where the factor is 0, whatever the value; 0 where the value is, whatever the factor.
template <class T>
EQP_HD T scaled(T factor, T value) {
  const T zero = {};
  return factor == zero ? zero : times(factor, value);
}

template <class Form, class T, class S>
EQP_HD void add_kl(const PolicyInputs<T>& x, T ratio, const PolicyConstants<S>& c,
                   const PolicySequence<S>& s, PolicyToken<T>& token) {
  KlEstimate<T> kl = kl_estimate<S>(Form::kLean ? EQP_POLICY_KL_K3 : c.kl, x.log_prob, x.reference);
  if (!Form::kLean && c.kl_unbiased) {
    const T d = x.log_prob - x.reference;
    const bool by_token = c.importance == EQP_POLICY_IMPORTANCE_TOKEN;
    const T log_ratio_minus_d =
        by_token ? x.reference - x.old_log_prob : broadcast<T>(s.log_ratio) - d;
    kl = weighted_kl<S>(c.kl, kl, d, ratio, log_ratio_minus_d);
    if (c.importance != EQP_POLICY_IMPORTANCE_SEQUENCE)
      kl.slope = c.kl == EQP_POLICY_KL_K3 ? times(ratio, d) : kl.slope + kl.value;
  }
  token.sums[kKl] = kl.value;
  if (c.kl_beta > S(0)) {
    token.sums[kLoss] = token.sums[kLoss] + c.kl_beta * kl.value;
    token.d_log_prob = token.d_log_prob + c.kl_beta * kl.slope;
    if (!Form::kLean && c.kl_unbiased && c.importance == EQP_POLICY_IMPORTANCE_SEQUENCE)
      token.shared = token.shared + c.kl_beta * kl.value;
  }
}

template <class Form, class T, class S>
EQP_HD PolicyToken<T> policy_token(const PolicyInputs<T>& x, const PolicyConstants<S>& c,
                                   const PolicySequence<S>& s) {
  const T zero = {}, one = zero + S(1);
  PolicyToken<T> token = {};
  const bool by_token = Form::importance(c) == EQP_POLICY_IMPORTANCE_TOKEN;
  const T ratio = by_token ? exp(x.log_prob - x.old_log_prob) : broadcast<T>(s.ratio);
  const Surrogate<T> f = surrogate_of<Form>(x, ratio, c, s);
  const auto floored = (x.advantage < zero) & (x.log_prob < c.floor);
  token.sums[kRatio] = ratio;
  token.sums[kClipLow] = f.clip_low;
  token.sums[kClipHigh] = f.clip_high;
  token.sums[kFloored] = floored ? one : zero;
  token.sums[kWeight] = f.weight;
  token.sums[kDualClip] = f.dual_clip;
  T through_ratio;
  if (Form::kLean) {
    token.sums[kLoss] = floored ? zero : f.value;
    through_ratio = floored ? zero : f.d_log_ratio;
    token.d_log_prob = floored ? zero : f.d_log_prob;
  } else {
    const T unfloored = surrogate_factor(x, c, s, token);  // counts floored tokens, too
    const T factor = floored ? zero : unfloored;
    token.sums[kLoss] = scaled(factor, f.value);
    through_ratio = scaled(factor, f.d_log_ratio);
    token.d_log_prob = scaled(factor, f.d_log_prob);
  }
  if (shares_slope<Form>(c)) {
    token.shared = through_ratio;
  } else {
    token.d_log_prob = token.d_log_prob + through_ratio;
  }
  if (c.has_reference) add_kl<Form>(x, ratio, c, s, token);
  if (shares_slope<Form>(c)) {
    T member = one;
    if (Form::surrogate(c) == EQP_POLICY_SURROGATE_GMPO) {
      const T log_ratio = x.log_prob - x.old_log_prob;
      const T inside = Form::kLean ? one : entropy_kept(x, c);
      member = one_sided(log_ratio, x.advantage, c) == log_ratio ? inside : zero;
    }
    token.d_log_prob = token.d_log_prob + times(broadcast<T>(s.slope), member);
  }
  return token;
}

// Whether policy_token gives every token of a sequence the same `shared`: it then depends on the advantage
// and on what they share alone, and the mean over them is that of any one.
template <class Form, class S>
EQP_HD bool shares_one_slope(const PolicyLoss& call, const PolicyConstants<S>& c) {
  return Form::kLean && !call.advantages_per_token && !(c.floor > -kInfinity);
}

// The metrics from the first `count` of their sums; the others are 0.
template <class S>
EQP_HD void policy_metrics(const double* sums, int count, double tokens, S* metrics) {
  const double per_token = tokens < 1.0 ? 0.0 : 1.0 / tokens;
  const auto mean = [&](int sum) {
    return sum < count ? static_cast<S>(sums[sum] * per_token) : S(0);
  };
  metrics[EQP_POLICY_METRIC_CLIP_LOW] = mean(kClipLow);
  metrics[EQP_POLICY_METRIC_CLIP_HIGH] = mean(kClipHigh);
  metrics[EQP_POLICY_METRIC_DUAL_CLIP] = mean(kDualClip);
  metrics[EQP_POLICY_METRIC_RATIO] = mean(kRatio);
  metrics[EQP_POLICY_METRIC_WEIGHT] = mean(kWeight);
  metrics[EQP_POLICY_METRIC_KL] = mean(kKl);
  metrics[EQP_POLICY_METRIC_ENTROPY] = mean(kEntropy);
  metrics[EQP_POLICY_METRIC_ENTROPY_KEPT] = mean(kEntropyKept);
  metrics[EQP_POLICY_METRIC_OFF_POLICY] = mean(kOffPolicy);
  metrics[EQP_POLICY_METRIC_SAMPLER_RATIO] = mean(kSamplerRatio);
  metrics[EQP_POLICY_METRIC_SAMPLER_LIMITED] = mean(kSamplerLimited);
  metrics[EQP_POLICY_METRIC_SAMPLER_DIFFERENCE] = mean(kSamplerDifference);
  metrics[EQP_POLICY_METRIC_FLOORED] = mean(kFloored);
  metrics[EQP_POLICY_METRIC_TOKENS] = static_cast<S>(tokens);
}

}  // namespace EQP_ISA
}  // namespace eqp
