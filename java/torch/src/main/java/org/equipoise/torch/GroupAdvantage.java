package org.equipoise.torch;

import java.util.Arrays;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.AdvantageScale;
import org.equipoise.kernels.GroupAdvantageKernel;
import org.equipoise.kernels.SingletonGroup;
import org.equipoise.torch.adapter.TorchAdapter;

/**
 * Group-relative advantages.
 *
 * <pre>{@code
 * r_i = sum_k weights[k] rewards[i,k] over the k whose reward is not NaN (NaN = missing)
 * GROUP  A = (r - mean_g) / (std_g + epsilon)
 * BATCH  A = (r - mean_g) / (std_batch + epsilon)
 * NONE   A = r - mean_g
 * }</pre>
 *
 * A member with all rewards missing gets 0 and does not count; a group whose counted members are
 * all equal gets exact zeros, whatever rounding would say; infinite rewards give NaN for their
 * group. Rewards are f32 or f64, [samples] or [samples, functions]; not differentiable. Immutable
 * and thread-safe; options are encoded into native memory once.
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

  /** TRL's defaults: scale by the group, ddof 1, epsilon 1e-4, singleton groups 0. */
  public static GroupAdvantage trl() {
    TorchLibrary.require();
    return new GroupAdvantage(GroupAdvantageKernel.trl(), null);
  }

  /** verl's grpo: scale by the group, ddof 1, epsilon 1e-6, singleton groups raw. */
  public static GroupAdvantage verl() {
    TorchLibrary.require();
    return new GroupAdvantage(GroupAdvantageKernel.verl(), null);
  }

  /** Dr. GRPO: centred, not divided. */
  public static GroupAdvantage drGrpo() {
    TorchLibrary.require();
    return new GroupAdvantage(GroupAdvantageKernel.drGrpo(), null);
  }

  public GroupAdvantage scale(AdvantageScale value) {
    return new GroupAdvantage(kernel.scale(value), weights);
  }

  /** What the only counted member of a group gets. */
  public GroupAdvantage singleton(SingletonGroup value) {
    return new GroupAdvantage(kernel.singleton(value), weights);
  }

  /** Divisor of the variance is the count minus this: 0 or 1. */
  public GroupAdvantage ddof(int value) {
    return new GroupAdvantage(kernel.ddof(value), weights);
  }

  /** Added to the standard deviation; finite, at least 0. */
  public GroupAdvantage epsilon(double value) {
    return new GroupAdvantage(kernel.epsilon(value), weights);
  }

  /** One weight per reward function; none means ones. */
  public GroupAdvantage weights(double... values) {
    return new GroupAdvantage(kernel, values.length == 0 ? null : values.clone());
  }

  public AdvantageScale scale() {
    return kernel.scale();
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

  /**
   * Advantages [samples] of consecutive groups of one size.
   *
   * @throws IllegalArgumentException if the size does not divide the samples
   */
  public Tensor apply(Tensor rewards, int groupSize) {
    Tensor advantages = new Tensor();
    run(sized(groupSize), rewards, null, advantages, null, null);
    return advantages;
  }

  /**
   * Advantages [samples] of ragged groups.
   *
   * @param offsets [groups + 1] int32 or int64, from 0 to samples, non-decreasing
   * @throws IllegalArgumentException for offsets that break these rules
   */
  public Tensor apply(Tensor rewards, Tensor offsets) {
    Tensor advantages = new Tensor();
    run(kernel, rewards, offsets, advantages, null, null);
    return advantages;
  }

  /** Like {@link #apply(Tensor, int)}, with the mean and standard deviation of each group. */
  public Statistics applyWithStatistics(Tensor rewards, int groupSize) {
    Statistics result = new Statistics(new Tensor(), new Tensor(), new Tensor());
    run(sized(groupSize), rewards, null, result.advantages, result.mean, result.std);
    return result;
  }

  /** Like {@link #apply(Tensor, Tensor)}, with the mean and standard deviation of each group. */
  public Statistics applyWithStatistics(Tensor rewards, Tensor offsets) {
    Statistics result = new Statistics(new Tensor(), new Tensor(), new Tensor());
    run(kernel, rewards, offsets, result.advantages, result.mean, result.std);
    return result;
  }

  /** {@link #apply(Tensor, int)} into the caller's tensor; without weights it allocates nothing. */
  public void applyInto(Tensor rewards, int groupSize, Tensor advantages) {
    run(sized(groupSize), rewards, null, advantages, null, null);
  }

  /**
   * {@link #apply(Tensor, Tensor)} into the caller's tensor; without weights it allocates nothing.
   */
  public void applyInto(Tensor rewards, Tensor offsets, Tensor advantages) {
    run(kernel, rewards, offsets, advantages, null, null);
  }

  /**
   * Advantages with the figures of each group.
   *
   * @param advantages [samples]
   * @param mean [groups]; NaN for a group without counted members
   * @param std [groups], with the chosen ddof; NaN for a group without counted members
   */
  public record Statistics(Tensor advantages, Tensor mean, Tensor std) {}

  private GroupAdvantageKernel sized(int groupSize) {
    GroupAdvantageKernel last = lastSized;
    if (last.groupSize() != groupSize) {
      last = kernel.groupSize(groupSize);
      lastSized = last;
    }
    return last;
  }

  private void run(
      GroupAdvantageKernel sized,
      Tensor rewards,
      Tensor offsets,
      Tensor advantages,
      Tensor mean,
      Tensor std) {
    if (weights == null) {
      TorchLibrary.check(
          TorchAdapter.eqp_torch_group_advantage(
              sized.abi(), rewards, null, offsets, advantages, mean, std));
      return;
    }
    try (PointerScope scope = new PointerScope()) {
      Device device = rewards.device();
      ScalarType type = rewards.scalar_type();
      Tensor weightTensor = Tensor.create(weights, weights.length).to(device, type);
      TorchLibrary.check(
          TorchAdapter.eqp_torch_group_advantage(
              sized.abi(), rewards, weightTensor, offsets, advantages, mean, std));
    }
  }

  @Override
  public String toString() {
    return "GroupAdvantage[scale="
        + scale()
        + ", ddof="
        + ddof()
        + ", epsilon="
        + epsilon()
        + ", singleton="
        + singleton()
        + ", weights="
        + (weights == null ? "ones" : Arrays.toString(weights))
        + "]";
  }
}
