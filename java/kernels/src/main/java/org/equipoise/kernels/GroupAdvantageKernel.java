package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_group_advantage_options;
import org.jspecify.annotations.Nullable;

/**
 * Group-relative advantages: rewards are aggregated to r, centred by a baseline, divided by a
 * scale.
 *
 * <pre>{@code
 * r_i = sum_k weights[k] rewards[i,k] over the k whose reward is not NaN (NaN = missing)
 * A_i = (r_i - mean_g) / (std + epsilon)     std of the group, of the batch, or no division
 * }</pre>
 *
 * and the other {@link AdvantageBaseline baselines}, {@link AdvantageScale scales} and {@link
 * RewardAggregation aggregations}, with formulas in {@code equipoise/group_advantage.h}. A member
 * with all rewards missing gets 0 and does not count; a group whose counted members are equal gets
 * exact zeros. One call is one pool: statistics over the batch never see another call's samples, so
 * offline pairs and online groups are two calls. Immutable and thread-safe.
 */
public final class GroupAdvantageKernel {
  private final AdvantageScale scale;
  private final AdvantageBaseline baseline;
  private final RewardAggregation aggregation;
  private final SingletonGroup singleton;
  private final int ddof;
  private final double epsilon;
  private final double varianceEpsilon;
  private final long groupSize;
  private final eqp_group_advantage_options options;

  private GroupAdvantageKernel(
      AdvantageScale scale,
      AdvantageBaseline baseline,
      RewardAggregation aggregation,
      SingletonGroup singleton,
      int ddof,
      double epsilon,
      double varianceEpsilon,
      long groupSize) {
    this.scale = scale;
    this.baseline = baseline;
    this.aggregation = aggregation;
    this.singleton = singleton;
    this.ddof = ddof;
    this.epsilon = epsilon;
    this.varianceEpsilon = varianceEpsilon;
    this.groupSize = groupSize;
    NativeLibrary.require();
    options = NativeLibrary.keep(new eqp_group_advantage_options());
    EquipoiseAbi.eqp_group_advantage_options_init(options);
    options.scale(scale.code());
    options.baseline(baseline.code());
    options.aggregation(aggregation.code());
    options.singleton(singleton.code());
    options.ddof(ddof);
    options.epsilon(epsilon);
    options.variance_epsilon(varianceEpsilon);
    options.group_size(groupSize);
  }

  /** TRL's GRPO: scale by the group, ddof 1, epsilon 1e-4, singleton groups 0. */
  public static GroupAdvantageKernel trl() {
    return new GroupAdvantageKernel(
        AdvantageScale.GROUP,
        AdvantageBaseline.MEAN,
        RewardAggregation.SUM_THEN_NORMALIZE,
        SingletonGroup.ZERO,
        1,
        1e-4,
        0,
        0);
  }

  /** TRL's normalize_then_sum: each function normalised in its group, the sum over the batch. */
  public static GroupAdvantageKernel trlGdpo() {
    return trl().aggregation(RewardAggregation.NORMALIZE_THEN_SUM).scale(AdvantageScale.WHITEN);
  }

  /**
   * TRL's RLOO; its {@code normalize_advantages} is {@code scale(WHITEN)}. The KL penalty in the
   * reward is one more function: minus the summed log-ratio, with weight beta.
   */
  public static GroupAdvantageKernel trlRloo() {
    return trl().baseline(AdvantageBaseline.OTHERS).scale(AdvantageScale.NONE);
  }

  /** Dr. GRPO: centred, not divided. */
  public static GroupAdvantageKernel drGrpo() {
    return trl().scale(AdvantageScale.NONE);
  }

  /** verl's grpo: scale by the group, ddof 1, epsilon 1e-6, singleton groups raw. */
  public static GroupAdvantageKernel verl() {
    return trl().epsilon(1e-6).singleton(SingletonGroup.RAW);
  }

  /** verl's grpo_passk: the best of a group by its lead over the second. */
  public static GroupAdvantageKernel verlPassAtK() {
    return verl().baseline(AdvantageBaseline.SECOND);
  }

  /** verl's rloo: TRL's but for singleton groups, which keep their reward. */
  public static GroupAdvantageKernel verlRloo() {
    return verl().baseline(AdvantageBaseline.OTHERS).scale(AdvantageScale.NONE);
  }

  /** verl's opo: centred by the mean weighted by lengths. */
  public static GroupAdvantageKernel verlOpo() {
    return verl().baseline(AdvantageBaseline.LENGTHS).scale(AdvantageScale.NONE);
  }

  /** verl's reinforce_plus_plus_baseline: centred, then whitened over tokens; takes lengths. */
  public static GroupAdvantageKernel verlReinforcePlusPlus() {
    return verl().scale(AdvantageScale.WHITEN).epsilon(0).varianceEpsilon(1e-8);
  }

  /** verl's remax: minus the given baselines. */
  public static GroupAdvantageKernel verlRemax() {
    return trl().scale(AdvantageScale.NONE).baseline(AdvantageBaseline.GIVEN);
  }

  /**
   * verl's gpg: centred, times samples over samples with a reward that is not 0; without any such
   * sample, 0.
   */
  public static GroupAdvantageKernel verlGpg() {
    return verl().scale(AdvantageScale.NONZERO);
  }

  public GroupAdvantageKernel scale(AdvantageScale value) {
    return new GroupAdvantageKernel(
        value, baseline, aggregation, singleton, ddof, epsilon, varianceEpsilon, groupSize);
  }

  public GroupAdvantageKernel baseline(AdvantageBaseline value) {
    return new GroupAdvantageKernel(
        scale, value, aggregation, singleton, ddof, epsilon, varianceEpsilon, groupSize);
  }

  public GroupAdvantageKernel aggregation(RewardAggregation value) {
    return new GroupAdvantageKernel(
        scale, baseline, value, singleton, ddof, epsilon, varianceEpsilon, groupSize);
  }

  public GroupAdvantageKernel singleton(SingletonGroup value) {
    return new GroupAdvantageKernel(
        scale, baseline, aggregation, value, ddof, epsilon, varianceEpsilon, groupSize);
  }

  /** Divisor of the variance is the count minus this: 0 or 1. */
  public GroupAdvantageKernel ddof(int value) {
    return new GroupAdvantageKernel(
        scale,
        baseline,
        aggregation,
        singleton,
        Ranges.within("ddof", 0, 1, value),
        epsilon,
        varianceEpsilon,
        groupSize);
  }

  /** Added to standard deviations; finite, at least 0. */
  public GroupAdvantageKernel epsilon(double value) {
    return new GroupAdvantageKernel(
        scale,
        baseline,
        aggregation,
        singleton,
        ddof,
        Ranges.notNegative("epsilon", value),
        varianceEpsilon,
        groupSize);
  }

  /** Added to the variance under WHITEN; finite, at least 0. */
  public GroupAdvantageKernel varianceEpsilon(double value) {
    return new GroupAdvantageKernel(
        scale,
        baseline,
        aggregation,
        singleton,
        ddof,
        epsilon,
        Ranges.notNegative("varianceEpsilon", value),
        groupSize);
  }

  /** Equal groups of this many samples; 0 when offsets are given. */
  public GroupAdvantageKernel groupSize(long value) {
    return new GroupAdvantageKernel(
        scale,
        baseline,
        aggregation,
        singleton,
        ddof,
        epsilon,
        varianceEpsilon,
        Ranges.notNegative("groupSize", value));
  }

  public AdvantageScale scale() {
    return scale;
  }

  public AdvantageBaseline baseline() {
    return baseline;
  }

  public RewardAggregation aggregation() {
    return aggregation;
  }

  public SingletonGroup singleton() {
    return singleton;
  }

  public int ddof() {
    return ddof;
  }

  public double epsilon() {
    return epsilon;
  }

  public double varianceEpsilon() {
    return varianceEpsilon;
  }

  public long groupSize() {
    return groupSize;
  }

  /** The encoded options, for calls into {@link EquipoiseAbi}. */
  public eqp_group_advantage_options abi() {
    return options;
  }

  /**
   * @param rewards [samples] or [samples, functions] f32 or f64
   * @param weights [functions], dtype of the rewards; null: ones
   * @param offsets [groups + 1] i32 or i64 from 0 to samples, non-decreasing; null with a group
   *     size
   * @param lengths [samples] i32 or i64, at least 0: with baseline LENGTHS, may be given with scale
   *     WHITEN, otherwise null
   * @param baselines [samples], dtype of the rewards: with baseline GIVEN, otherwise null
   * @param advantages [samples], written
   * @param groupMean [groups], written; may be null
   * @param groupStd [groups], written; may be null
   * @param metrics [3 + 2 functions], written: mean and standard deviation of the rewards, share of
   *     groups whose members are all equal, mean and standard deviation of each function; may be
   *     null
   */
  public void applyInto(
      TensorView rewards,
      @Nullable TensorView weights,
      @Nullable TensorView offsets,
      @Nullable TensorView lengths,
      @Nullable TensorView baselines,
      TensorView advantages,
      @Nullable TensorView groupMean,
      @Nullable TensorView groupStd,
      @Nullable TensorView metrics) {
    applyInto(
        rewards,
        weights,
        offsets,
        lengths,
        baselines,
        advantages,
        groupMean,
        groupStd,
        metrics,
        null);
  }

  /**
   * The same on the stream and with the scratch memory of {@code launch}. On CUDA it returns when
   * the work is queued; errors in data come with the next {@link CudaStream#synchronize()} or
   * {@link Launch#check()}.
   *
   * @param launch null: as the form without it
   */
  public void applyInto(
      TensorView rewards,
      @Nullable TensorView weights,
      @Nullable TensorView offsets,
      @Nullable TensorView lengths,
      @Nullable TensorView baselines,
      TensorView advantages,
      @Nullable TensorView groupMean,
      @Nullable TensorView groupStd,
      @Nullable TensorView metrics,
      @Nullable Launch launch) {
    if (launch != null) {
      launch.retain(
          rewards, weights, offsets, lengths, baselines, advantages, groupMean, groupStd, metrics);
    }
    Status.check(
        EquipoiseAbi.eqp_group_advantage(
            options,
            rewards.abi(),
            TensorView.abi(weights),
            TensorView.abi(offsets),
            TensorView.abi(lengths),
            TensorView.abi(baselines),
            advantages.abi(),
            TensorView.abi(groupMean),
            TensorView.abi(groupStd),
            TensorView.abi(metrics),
            Launch.abi(launch)));
  }
}
