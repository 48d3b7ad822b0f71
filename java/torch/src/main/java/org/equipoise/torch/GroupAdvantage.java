package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.AdvantageBaseline;
import org.equipoise.kernels.AdvantageScale;
import org.equipoise.kernels.GroupAdvantageKernel;
import org.equipoise.kernels.RewardAggregation;
import org.equipoise.kernels.SingletonGroup;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.torch.adapter.TorchAdapter;
import org.jspecify.annotations.Nullable;

/**
 * Group-relative advantages: rewards are aggregated to r, centred by a baseline, divided by a
 * scale.
 *
 * <pre>{@code
 * r_i = sum_k weights[k] rewards[i,k] over the k whose reward is not NaN (NaN = missing)
 * GROUP  A = (r - mean_g) / (std_g + epsilon)
 * BATCH  A = (r - mean_g) / (std_batch + epsilon)
 * NONE   A = r - mean_g
 * }</pre>
 *
 * and the other {@link AdvantageBaseline baselines}, {@link AdvantageScale scales} and {@link
 * RewardAggregation aggregations}; the presets are the peers' estimators. A member with all rewards
 * missing gets 0 and does not count; a group whose counted members are all equal gets exact zeros,
 * whatever rounding would say; infinite rewards give NaN for their group.
 *
 * <p>One call is one pool: statistics over the batch never see another call's samples. Offline
 * pairs and online groups are two calls, on parts of one tensor where one is wanted:
 *
 * <pre>{@code
 * GroupAdvantage.trl().ddof(0).epsilon(0).applyInto(rewards.narrow(0, 0, 2 * pairs), 2,
 *     advantages.narrow(0, 0, 2 * pairs));                     // {2, 0} gives {1, -1}
 * GroupAdvantage.trl().scale(AdvantageScale.BATCH).applyInto(online, groupSize, onlineAdvantages);
 * }</pre>
 *
 * <p>Rewards are f32 or f64, [samples] or [samples, functions]; not differentiable. Immutable and
 * thread-safe; options are encoded into native memory once.
 */
public final class GroupAdvantage {
  private final GroupAdvantageKernel kernel;
  private final double[] weights;

  /** The kernel for the group size of the last call: options are encoded once, not per call. */
  private volatile GroupAdvantageKernel lastSized;

  private GroupAdvantage(GroupAdvantageKernel kernel, double[] weights) {
    this.kernel = kernel;
    this.weights = weights;
    lastSized = kernel;
  }

  /** TRL's GRPO: scale by the group, ddof 1, epsilon 1e-4, singleton groups 0. */
  public static GroupAdvantage trl() {
    TorchLibrary.require();
    return new GroupAdvantage(GroupAdvantageKernel.trl(), null);
  }

  /**
   * TRL's normalize_then_sum: each function normalised in its group, the sum over the batch. The
   * sum is rounded to the rewards' dtype after each function, in their order.
   */
  public static GroupAdvantage trlGdpo() {
    TorchLibrary.require();
    return new GroupAdvantage(GroupAdvantageKernel.trlGdpo(), null);
  }

  /**
   * TRL's RLOO; its {@code normalize_advantages} is {@code scale(WHITEN)}. The KL penalty in the
   * reward is one more function: minus the summed log-ratio, with weight beta, NaN where all others
   * are.
   */
  public static GroupAdvantage trlRloo() {
    TorchLibrary.require();
    return new GroupAdvantage(GroupAdvantageKernel.trlRloo(), null);
  }

  /** Dr. GRPO: centred, not divided. */
  public static GroupAdvantage drGrpo() {
    TorchLibrary.require();
    return new GroupAdvantage(GroupAdvantageKernel.drGrpo(), null);
  }

  /** verl's grpo: scale by the group, ddof 1, epsilon 1e-6, singleton groups raw. */
  public static GroupAdvantage verl() {
    TorchLibrary.require();
    return new GroupAdvantage(GroupAdvantageKernel.verl(), null);
  }

  /** verl's grpo_passk: the best of a group by its lead over the second. */
  public static GroupAdvantage verlPassAtK() {
    TorchLibrary.require();
    return new GroupAdvantage(GroupAdvantageKernel.verlPassAtK(), null);
  }

  /** verl's rloo: TRL's but for singleton groups, which keep their reward. */
  public static GroupAdvantage verlRloo() {
    TorchLibrary.require();
    return new GroupAdvantage(GroupAdvantageKernel.verlRloo(), null);
  }

  /** verl's opo: centred by the mean weighted by lengths. */
  public static GroupAdvantage verlOpo() {
    TorchLibrary.require();
    return new GroupAdvantage(GroupAdvantageKernel.verlOpo(), null);
  }

  /** verl's reinforce_plus_plus_baseline: centred, then whitened over tokens; takes lengths. */
  public static GroupAdvantage verlReinforcePlusPlus() {
    TorchLibrary.require();
    return new GroupAdvantage(GroupAdvantageKernel.verlReinforcePlusPlus(), null);
  }

  /** verl's remax: minus the given baselines. */
  public static GroupAdvantage verlRemax() {
    TorchLibrary.require();
    return new GroupAdvantage(GroupAdvantageKernel.verlRemax(), null);
  }

  /**
   * verl's gpg: centred, times samples over samples with a reward that is not 0; without any such
   * sample, 0.
   */
  public static GroupAdvantage verlGpg() {
    TorchLibrary.require();
    return new GroupAdvantage(GroupAdvantageKernel.verlGpg(), null);
  }

  public GroupAdvantage scale(AdvantageScale value) {
    return new GroupAdvantage(kernel.scale(value), weights);
  }

  public GroupAdvantage baseline(AdvantageBaseline value) {
    return new GroupAdvantage(kernel.baseline(value), weights);
  }

  public GroupAdvantage aggregation(RewardAggregation value) {
    return new GroupAdvantage(kernel.aggregation(value), weights);
  }

  /** What the only counted member of a group gets. */
  public GroupAdvantage singleton(SingletonGroup value) {
    return new GroupAdvantage(kernel.singleton(value), weights);
  }

  /** Divisor of the variance is the count minus this: 0 or 1. */
  public GroupAdvantage ddof(int value) {
    return new GroupAdvantage(kernel.ddof(value), weights);
  }

  /** Added to standard deviations; finite, at least 0. */
  public GroupAdvantage epsilon(double value) {
    return new GroupAdvantage(kernel.epsilon(value), weights);
  }

  /** Added to the variance under WHITEN; finite, at least 0. */
  public GroupAdvantage varianceEpsilon(double value) {
    return new GroupAdvantage(kernel.varianceEpsilon(value), weights);
  }

  /** One weight per reward function, finite; none means ones. */
  public GroupAdvantage weights(double... values) {
    for (double value : values) {
      if (!Double.isFinite(value)) {
        throw new IllegalArgumentException(
            "weights: expected finite numbers, found " + Arrays.toString(values));
      }
    }
    return new GroupAdvantage(kernel, values.length == 0 ? null : values.clone());
  }

  public AdvantageScale scale() {
    return kernel.scale();
  }

  public AdvantageBaseline baseline() {
    return kernel.baseline();
  }

  public RewardAggregation aggregation() {
    return kernel.aggregation();
  }

  public SingletonGroup singleton() {
    return kernel.singleton();
  }

  public int ddof() {
    return kernel.ddof();
  }

  public double epsilon() {
    return kernel.epsilon();
  }

  public double varianceEpsilon() {
    return kernel.varianceEpsilon();
  }

  /**
   * What some estimators read beside the rewards.
   *
   * @param lengths [samples] int32 or int64, tokens of each sample: with baseline LENGTHS, may be
   *     given with scale WHITEN; otherwise null
   * @param baselines [samples], dtype of the rewards: with baseline GIVEN; otherwise null
   */
  public record Beside(@Nullable Tensor lengths, @Nullable Tensor baselines) {
    private static final Beside NOTHING = new Beside(null, null);

    public static Beside lengths(Tensor lengths) {
      return new Beside(lengths, null);
    }

    public static Beside baselines(Tensor baselines) {
      return new Beside(null, baselines);
    }
  }

  /**
   * Advantages [samples] of consecutive groups of one size.
   *
   * @throws IllegalArgumentException if the size does not divide the samples
   */
  public Tensor apply(Tensor rewards, int groupSize) {
    return apply(rewards, groupSize, Beside.NOTHING);
  }

  /** Like {@link #apply(Tensor, int)}, for estimators that read more than rewards. */
  public Tensor apply(Tensor rewards, int groupSize, Beside beside) {
    Tensor advantages = new Tensor();
    run(sized(groupSize), rewards, null, beside, advantages, null, null, null);
    return advantages;
  }

  /**
   * Advantages [samples] of ragged groups.
   *
   * @param offsets [groups + 1] int32 or int64, from 0 to samples, non-decreasing
   * @throws IllegalArgumentException for offsets that break these rules
   */
  public Tensor apply(Tensor rewards, Tensor offsets) {
    return apply(rewards, offsets, Beside.NOTHING);
  }

  /** Like {@link #apply(Tensor, Tensor)}, for estimators that read more than rewards. */
  public Tensor apply(Tensor rewards, Tensor offsets, Beside beside) {
    Tensor advantages = new Tensor();
    run(kernel, rewards, offsets, beside, advantages, null, null, null);
    return advantages;
  }

  /** Like {@link #apply(Tensor, int)}, with the figures of each group and of the batch. */
  public Statistics applyWithStatistics(Tensor rewards, int groupSize) {
    return applyWithStatistics(rewards, groupSize, Beside.NOTHING);
  }

  /** Like {@link #apply(Tensor, int, Beside)}, with the figures of each group and of the batch. */
  public Statistics applyWithStatistics(Tensor rewards, int groupSize, Beside beside) {
    return withStatistics(sized(groupSize), rewards, null, beside);
  }

  /** Like {@link #apply(Tensor, Tensor)}, with the figures of each group and of the batch. */
  public Statistics applyWithStatistics(Tensor rewards, Tensor offsets) {
    return applyWithStatistics(rewards, offsets, Beside.NOTHING);
  }

  /**
   * Like {@link #apply(Tensor, Tensor, Beside)}, with the figures of each group and of the batch.
   */
  public Statistics applyWithStatistics(Tensor rewards, Tensor offsets, Beside beside) {
    return withStatistics(kernel, rewards, offsets, beside);
  }

  /** {@link #apply(Tensor, int)} into the caller's tensor; without weights it allocates nothing. */
  public void applyInto(Tensor rewards, int groupSize, Tensor advantages) {
    run(sized(groupSize), rewards, null, Beside.NOTHING, advantages, null, null, null);
  }

  /** {@link #apply(Tensor, int, Beside)} into the caller's tensor. */
  public void applyInto(Tensor rewards, int groupSize, Beside beside, Tensor advantages) {
    run(sized(groupSize), rewards, null, beside, advantages, null, null, null);
  }

  /**
   * {@link #apply(Tensor, Tensor)} into the caller's tensor; without weights it allocates nothing.
   */
  public void applyInto(Tensor rewards, Tensor offsets, Tensor advantages) {
    run(kernel, rewards, offsets, Beside.NOTHING, advantages, null, null, null);
  }

  /** {@link #apply(Tensor, Tensor, Beside)} into the caller's tensor. */
  public void applyInto(Tensor rewards, Tensor offsets, Beside beside, Tensor advantages) {
    run(kernel, rewards, offsets, beside, advantages, null, null, null);
  }

  /**
   * Advantages with the figures of the rewards as given.
   *
   * @param advantages [samples]
   * @param mean [groups]; NaN for a group without counted members
   * @param std [groups], with the chosen ddof; NaN for a group without counted members
   * @param figures [3 + 2 functions], what {@link #metrics()} reads
   */
  public record Statistics(Tensor advantages, Tensor mean, Tensor std, Tensor figures) {
    /** Reads the figures of the batch; synchronises with the device. */
    public AdvantageMetrics metrics() {
      double[] m = Tensors.doubles(figures);
      List<AdvantageMetrics.Function> functions = new ArrayList<>();
      for (int k = EquipoiseAbi.EQP_ADVANTAGE_METRIC_COUNT; k + 1 < m.length; k += 2) {
        functions.add(new AdvantageMetrics.Function(m[k], m[k + 1]));
      }
      return new AdvantageMetrics(
          m[EquipoiseAbi.EQP_ADVANTAGE_METRIC_REWARD_MEAN],
          m[EquipoiseAbi.EQP_ADVANTAGE_METRIC_REWARD_STD],
          m[EquipoiseAbi.EQP_ADVANTAGE_METRIC_EQUAL_GROUPS],
          List.copyOf(functions));
    }
  }

  private GroupAdvantageKernel sized(int groupSize) {
    GroupAdvantageKernel last = lastSized;
    if (last.groupSize() != groupSize) {
      last = kernel.groupSize(groupSize);
      lastSized = last;
    }
    return last;
  }

  private Statistics withStatistics(
      GroupAdvantageKernel sized, Tensor rewards, Tensor offsets, Beside beside) {
    Statistics result = new Statistics(new Tensor(), new Tensor(), new Tensor(), new Tensor());
    run(
        sized,
        rewards,
        offsets,
        beside,
        result.advantages,
        result.mean,
        result.std,
        result.figures);
    return result;
  }

  private void run(
      GroupAdvantageKernel sized,
      Tensor rewards,
      Tensor offsets,
      Beside beside,
      Tensor advantages,
      Tensor mean,
      Tensor std,
      Tensor figures) {
    if (weights == null) {
      call(sized, rewards, null, offsets, beside, advantages, mean, std, figures);
      return;
    }
    try (PointerScope scope = new PointerScope()) {
      Device device = rewards.device();
      ScalarType type = rewards.scalar_type();
      Tensor weightTensor = Tensor.create(weights, weights.length).to(device, type);
      call(sized, rewards, weightTensor, offsets, beside, advantages, mean, std, figures);
    }
  }

  private static void call(
      GroupAdvantageKernel sized,
      Tensor rewards,
      Tensor weights,
      Tensor offsets,
      Beside beside,
      Tensor advantages,
      Tensor mean,
      Tensor std,
      Tensor figures) {
    TorchLibrary.checkWritten(
        TorchAdapter.eqp_torch_group_advantage(
            sized.abi(),
            alive("rewards", rewards),
            weights,
            alive("offsets", offsets),
            alive("lengths", beside.lengths),
            alive("baselines", beside.baselines),
            advantages,
            mean,
            std,
            figures),
        advantages,
        mean,
        std,
        figures);
  }

  @Override
  public String toString() {
    return "GroupAdvantage[scale="
        + scale()
        + ", baseline="
        + baseline()
        + ", aggregation="
        + aggregation()
        + ", ddof="
        + ddof()
        + ", epsilon="
        + epsilon()
        + ", varianceEpsilon="
        + varianceEpsilon()
        + ", singleton="
        + singleton()
        + ", weights="
        + (weights == null ? "ones" : Arrays.toString(weights))
        + "]";
  }
}
