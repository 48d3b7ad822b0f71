package org.equipoise.kernels;

import java.util.function.Consumer;
import java.util.function.ToIntFunction;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_policy_loss_options;

/**
 * The options of a policy loss, and how to change them; the formulas are in the header {@code
 * equipoise/policy_loss.h}. Immutable: every method that takes a value returns another object.
 * Numbers outside their range are refused at once, combinations that mean nothing when the loss is
 * computed. Thread-safe.
 *
 * @param <L> the loss that these are the options of
 */
public abstract class PolicyLossSettings<L extends PolicyLossSettings<L>> {
  private final eqp_policy_loss_options options;

  /** Takes the options over: nobody changes them any more. */
  protected PolicyLossSettings(eqp_policy_loss_options options) {
    this.options = options;
  }

  /** The same loss with these options. */
  protected abstract L with(eqp_policy_loss_options changed);

  private L change(Consumer<eqp_policy_loss_options> change) {
    eqp_policy_loss_options copy = NativeLibrary.keep(new eqp_policy_loss_options());
    copy.put(options);
    change.accept(copy);
    return with(copy);
  }

  /** The encoded options, for calls into {@link EquipoiseAbi}. */
  public eqp_policy_loss_options abi() {
    return options;
  }

  private static <E extends Enum<E>> E ofCode(E[] values, ToIntFunction<E> code, int wanted) {
    for (E value : values) {
      if (code.applyAsInt(value) == wanted) {
        return value;
      }
    }
    throw new IllegalStateException("no constant has the code " + wanted);
  }

  /** How token losses become one number; DR_GRPO also needs {@link #maxCompletionLength}. */
  public L normalizer(PolicyNormalizer kind) {
    return change(o -> o.normalizer(kind.code()));
  }

  public PolicyNormalizer normalizer() {
    return ofCode(PolicyNormalizer.values(), PolicyNormalizer::code, options.normalizer());
  }

  /** What a token contributes. */
  public L surrogate(PolicySurrogate kind) {
    return change(o -> o.surrogate(kind.code()));
  }

  public PolicySurrogate surrogate() {
    return ofCode(PolicySurrogate.values(), PolicySurrogate::code, options.surrogate());
  }

  /** Whose log-ratio the ratio is made of; VESPO and GMPO form their own weight: TOKEN. */
  public L importance(PolicyImportance level) {
    return change(o -> o.importance(level.code()));
  }

  public PolicyImportance importance() {
    return ofCode(PolicyImportance.values(), PolicyImportance::code, options.importance());
  }

  /**
   * Bounds. Of the ratio, [1 - low, 1 + high]: low in [0, 1], high at least 0, infinity allowed.
   * CISPO_ABSOLUTE: high is the greatest ratio itself. GMPO: [-low, high] of the log-ratio.
   */
  public L epsilon(double low, double high) {
    Ranges.notNegative("epsilon", low);
    Ranges.atLeast("epsilon", 0, high);
    return change(o -> o.epsilon_low(low).epsilon_high(high));
  }

  public double epsilonLow() {
    return options.epsilon_low();
  }

  public double epsilonHigh() {
    return options.epsilon_high();
  }

  /**
   * CLIP: the greatest ratio that counts where the advantage is negative, at least 1; infinity is
   * off. The c of dual clip (arXiv 1912.09729) and, where that is at least 1 + epsilon high, the
   * delta of two-sided clipping (arXiv 2505.07291): they are the same function.
   */
  public L dualClip(double value) {
    return change(o -> o.dual_clip(Ranges.atLeast("dualClip", 1, value)));
  }

  public double dualClip() {
    return options.dual_clip();
  }

  /** SAPO: the gate's temperature for positive advantages and for the others. */
  public L sapoTemperatures(double positive, double negative) {
    Ranges.positive("sapoTemperatures", positive);
    Ranges.positive("sapoTemperatures", negative);
    return change(o -> o.sapo_tau_positive(positive).sapo_tau_negative(negative));
  }

  public double sapoTemperaturePositive() {
    return options.sapo_tau_positive();
  }

  public double sapoTemperatureNegative() {
    return options.sapo_tau_negative();
  }

  /** VESPO: power and decay of the weight where the advantage is not negative. */
  public L vespoPositive(double k, double lambda) {
    Ranges.notNegative("vespoPositive", k);
    Ranges.positive("vespoPositive", lambda);
    return change(o -> o.vespo_k_positive(k).vespo_lambda_positive(lambda));
  }

  public double vespoPowerPositive() {
    return options.vespo_k_positive();
  }

  public double vespoDecayPositive() {
    return options.vespo_lambda_positive();
  }

  /** VESPO: power and decay of the weight where the advantage is negative. */
  public L vespoNegative(double k, double lambda) {
    Ranges.notNegative("vespoNegative", k);
    Ranges.positive("vespoNegative", lambda);
    return change(o -> o.vespo_k_negative(k).vespo_lambda_negative(lambda));
  }

  public double vespoPowerNegative() {
    return options.vespo_k_negative();
  }

  public double vespoDecayNegative() {
    return options.vespo_lambda_negative();
  }

  /** Weight of the KL to the reference; needs reference log-probs when positive. */
  public L klBeta(double value) {
    return change(o -> o.kl_beta(Ranges.notNegative("klBeta", value)));
  }

  public double klBeta() {
    return options.kl_beta();
  }

  /** The estimate of the KL; K3 unless another one is chosen. */
  public L kl(PolicyKl kind) {
    return change(o -> o.kl(kind.code()));
  }

  public PolicyKl kl() {
    return ofCode(PolicyKl.values(), PolicyKl::code, options.kl());
  }

  /**
   * Multiplies the KL by the probability ratio, with its gradient, which makes the gradient of k3
   * an unbiased one (arXiv 2512.02556). TRL 1.13 does so unless {@code use_bias_correction_kl} is
   * false; here it is off unless asked for.
   */
  public L klUnbiased(boolean on) {
    return change(o -> o.kl_unbiased(on ? 1 : 0));
  }

  public boolean klUnbiased() {
    return options.kl_unbiased() != 0;
  }

  /** Tokens with A &lt; 0 below this log-prob are not pushed further; at most 0. */
  public L negativeLogProbFloor(double value) {
    return change(o -> o.negative_log_prob_floor(Ranges.atMost("negativeLogProbFloor", 0, value)));
  }

  public double negativeLogProbFloor() {
    return options.negative_log_prob_floor();
  }

  /** Subtracts this times the mean entropy of the call's tokens; needs the entropy unless 0. */
  public L entropyCoefficient(double value) {
    return change(o -> o.entropy_coefficient(Ranges.finite("entropyCoefficient", value)));
  }

  public double entropyCoefficient() {
    return options.entropy_coefficient();
  }

  /**
   * Drops tokens with A &lt; 0 of sequences whose mean log-ratio of the sampler (or the old policy)
   * to the policy is above this (arXiv 2512.02556); infinity is off.
   */
  public L offPolicyThreshold(double value) {
    return change(o -> o.off_policy_threshold(Ranges.number("offPolicyThreshold", value)));
  }

  public double offPolicyThreshold() {
    return options.off_policy_threshold();
  }

  /**
   * Corrects for the engine that sampled; needs its log-probs unless NONE.
   *
   * @param level TOKEN, or SEQUENCE for the product of the tokens' ratios
   */
  public L samplerCorrection(SamplerCorrection kind, PolicyImportance level) {
    return change(o -> o.sampler_correction(kind.code()).sampler_level(level.code()));
  }

  public SamplerCorrection samplerCorrection() {
    return ofCode(
        SamplerCorrection.values(), SamplerCorrection::code, options.sampler_correction());
  }

  public PolicyImportance samplerLevel() {
    return ofCode(PolicyImportance.values(), PolicyImportance::code, options.sampler_level());
  }

  /** Limits of the sampler's ratio; 0 to 3 unless others are chosen. */
  public L samplerLimits(double least, double greatest) {
    Ranges.notNegative("samplerLimits", least);
    if (!(greatest > least)) {
      throw new IllegalArgumentException(
          "samplerLimits: expected the greater one last, found " + least + " and " + greatest);
    }
    return change(o -> o.sampler_min(least).sampler_max(greatest));
  }

  public double samplerMin() {
    return options.sampler_min();
  }

  public double samplerMax() {
    return options.sampler_max();
  }

  /** DR_GRPO: the length that every sequence is divided by, at least 1; otherwise 0. */
  public L maxCompletionLength(double value) {
    if (value != 0) {
      Ranges.atLeast("maxCompletionLength", 1, Ranges.finite("maxCompletionLength", value));
    }
    return change(o -> o.max_completion_length(value));
  }

  public double maxCompletionLength() {
    return options.max_completion_length();
  }

  /** DAPO: tokens of the global batch; 0 means those of the call. */
  public L totalTokens(double value) {
    return change(o -> o.total_tokens(Ranges.notNegative("totalTokens", value)));
  }

  public double totalTokens() {
    return options.total_tokens();
  }

  /**
   * All but DAPO: sequences of the global batch, truncated ones and all; 0 means those of the call.
   * The losses of micro-batches that are given the totals add up to that of the whole.
   */
  public L totalSequences(double value) {
    return change(o -> o.total_sequences(Ranges.notNegative("totalSequences", value)));
  }

  public double totalSequences() {
    return options.total_sequences();
  }

  /**
   * With an entropy bonus: tokens of the global batch that pass the entropy mask; 0 means {@link
   * #totalTokens} where that is given and there is no threshold, otherwise those of the call.
   */
  public L totalKeptTokens(double value) {
    return change(o -> o.total_kept_tokens(Ranges.notNegative("totalKeptTokens", value)));
  }

  public double totalKeptTokens() {
    return options.total_kept_tokens();
  }
}
