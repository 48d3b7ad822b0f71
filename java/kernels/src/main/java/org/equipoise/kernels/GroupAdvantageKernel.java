package org.equipoise.kernels;

import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.kernels.abi.eqp_group_advantage_options;

/**
 * Group-relative advantages.
 *
 * <pre>{@code
 * r_i = sum_k weights[k] rewards[i,k] over the k whose reward is not NaN (NaN = missing)
 * A_i = (r_i - mean_g) / (std + epsilon)     std of the group, of the batch, or no division
 * }</pre>
 *
 * A member with all rewards missing gets 0 and does not count; a group whose counted members are
 * equal gets exact zeros. Immutable and thread-safe.
 */
public final class GroupAdvantageKernel {
  private final AdvantageScale scale;
  private final SingletonGroup singleton;
  private final int ddof;
  private final double epsilon;
  private final long groupSize;
  private final eqp_group_advantage_options options;

  private GroupAdvantageKernel(
      AdvantageScale scale, SingletonGroup singleton, int ddof, double epsilon, long groupSize) {
    this.scale = scale;
    this.singleton = singleton;
    this.ddof = ddof;
    this.epsilon = epsilon;
    this.groupSize = groupSize;
    NativeLibrary.require();
    options = NativeLibrary.keep(new eqp_group_advantage_options());
    EquipoiseAbi.eqp_group_advantage_options_init(options);
    options.scale(scale.code());
    options.singleton(singleton.code());
    options.ddof(ddof);
    options.epsilon(epsilon);
    options.group_size(groupSize);
  }

  /** TRL's defaults: scale by the group, ddof 1, epsilon 1e-4, singleton groups 0. */
  public static GroupAdvantageKernel trl() {
    return new GroupAdvantageKernel(AdvantageScale.GROUP, SingletonGroup.ZERO, 1, 1e-4, 0);
  }

  /** verl's grpo: scale by the group, ddof 1, epsilon 1e-6, singleton groups raw. */
  public static GroupAdvantageKernel verl() {
    return new GroupAdvantageKernel(AdvantageScale.GROUP, SingletonGroup.RAW, 1, 1e-6, 0);
  }

  /** Dr. GRPO: centred, not divided. */
  public static GroupAdvantageKernel drGrpo() {
    return new GroupAdvantageKernel(AdvantageScale.NONE, SingletonGroup.ZERO, 1, 1e-4, 0);
  }

  public GroupAdvantageKernel scale(AdvantageScale value) {
    return new GroupAdvantageKernel(value, singleton, ddof, epsilon, groupSize);
  }

  public GroupAdvantageKernel singleton(SingletonGroup value) {
    return new GroupAdvantageKernel(scale, value, ddof, epsilon, groupSize);
  }

  /** Divisor of the variance is the count minus this: 0 or 1. */
  public GroupAdvantageKernel ddof(int value) {
    return new GroupAdvantageKernel(scale, singleton, value, epsilon, groupSize);
  }

  /** Added to the standard deviation; finite, at least 0. */
  public GroupAdvantageKernel epsilon(double value) {
    return new GroupAdvantageKernel(scale, singleton, ddof, value, groupSize);
  }

  /** Equal groups of this many samples; 0 when offsets are given. */
  public GroupAdvantageKernel groupSize(long value) {
    return new GroupAdvantageKernel(scale, singleton, ddof, epsilon, value);
  }

  public AdvantageScale scale() {
    return scale;
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
   * @param advantages [samples], written
   * @param groupMean [groups], written; may be null
   * @param groupStd [groups], written; may be null
   */
  public void applyInto(
      TensorView rewards,
      TensorView weights,
      TensorView offsets,
      TensorView advantages,
      TensorView groupMean,
      TensorView groupStd) {
    applyInto(rewards, weights, offsets, advantages, groupMean, groupStd, null);
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
      TensorView weights,
      TensorView offsets,
      TensorView advantages,
      TensorView groupMean,
      TensorView groupStd,
      Launch launch) {
    if (launch != null) {
      launch.retain(rewards, weights, offsets, advantages, groupMean, groupStd);
    }
    Status.check(
        EquipoiseAbi.eqp_group_advantage(
            options,
            rewards.abi(),
            TensorView.abi(weights),
            TensorView.abi(offsets),
            advantages.abi(),
            TensorView.abi(groupMean),
            TensorView.abi(groupStd),
            Launch.abi(launch)));
  }
}
