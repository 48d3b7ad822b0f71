package org.equipoise.benchmarks;

import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.torch.PolicyLoss;

/** Policy losses composed of LibTorch ops, without metrics. */
public enum PolicyPeer {
  GRPO,
  GRPO_KL,
  GSPO,
  GSPO_TOKEN,
  CISPO,
  SAPO,
  VESPO,
  GMPO;

  private static final double EPSILON = 0.2;
  private static final double CISPO_BOUND = 2;
  private static final double KL_BETA = 0.04;

  /**
   * What beside the log-probs [sequences, tokens] goes in.
   *
   * @param column advantages as [sequences, 1]
   * @param weights mask as numbers
   * @param lengths [sequences, 1]
   */
  record Inputs(
      Tensor old,
      Tensor reference,
      Tensor advantages,
      Tensor column,
      Tensor mask,
      Tensor weights,
      Tensor lengths) {
    static Inputs around(Tensor logProbs) {
      long sequences = logProbs.size(0);
      Tensor mask = torch.rand_like(logProbs).gt(new Scalar(0.1));
      mask.narrow(1, 0, 1).fill_(new Scalar(1)); // no empty sequence
      Tensor weights = mask.to(ScalarType.Float);
      Tensor advantages = torch.randn(sequences);
      return new Inputs(
          logProbs.add(torch.randn_like(logProbs).mul(new Scalar(0.2))),
          logProbs.add(torch.randn_like(logProbs).mul(new Scalar(0.2))),
          advantages,
          advantages.unsqueeze(1),
          mask,
          weights,
          weights.sum(new long[] {1}, true, null));
    }
  }

  PolicyLoss equipoise() {
    return switch (this) {
      case GRPO -> PolicyLoss.grpo().epsilon(EPSILON, EPSILON);
      case GRPO_KL -> PolicyLoss.grpo().epsilon(EPSILON, EPSILON).klBeta(KL_BETA);
      case GSPO -> PolicyLoss.gspo().epsilon(EPSILON, EPSILON);
      case GSPO_TOKEN -> PolicyLoss.gspoToken().epsilon(EPSILON, EPSILON);
      case CISPO -> PolicyLoss.cispo().epsilon(EPSILON, CISPO_BOUND);
      case SAPO -> PolicyLoss.sapo();
      case VESPO -> PolicyLoss.vespo();
      case GMPO -> PolicyLoss.gmpo().epsilon(EPSILON, EPSILON);
    };
  }

  boolean hasReference() {
    return this == GRPO_KL;
  }

  /** As the equations are usually written. */
  Tensor written(Tensor x, Inputs in) {
    return switch (this) {
      case GRPO -> perSequence(minimum(x.sub(in.old).exp(), in.column), in);
      case GRPO_KL ->
          perSequence(
              minimum(x.sub(in.old).exp(), in.column).add(k3(x, in), new Scalar(KL_BETA)), in);
      case GSPO -> perSequence(minimum(mean(x.sub(in.old), in).exp(), in.column).expand_as(x), in);
      case GSPO_TOKEN -> {
        Tensor shared = mean(x.sub(in.old), in).detach().add(x).sub(x.detach());
        yield perSequence(minimum(shared.exp(), in.column), in);
      }
      case CISPO -> {
        Tensor bounded = x.sub(in.old).exp().clamp_max(new Scalar(CISPO_BOUND)).detach();
        yield perToken(bounded.mul(in.column).mul(x).neg(), in);
      }
      case SAPO -> {
        Tensor tau = tau(in);
        Tensor gate = x.sub(in.old).exp().sub(new Scalar(1)).mul(tau).sigmoid();
        yield perSequence(gate.mul(in.column).mul(new Scalar(-4)).div(tau), in);
      }
      case VESPO -> perToken(vespoWeight(x, in).mul(in.column).mul(x).neg(), in);
      case GMPO -> {
        Tensor sign = in.column.sign();
        Tensor w = x.sub(in.old).mul(sign);
        Tensor bounded = torch.minimum(w, clamped(w, -EPSILON, EPSILON)).mul(sign);
        yield mean(bounded, in).exp().mul(in.column).mean().neg();
      }
    };
  }

  /** With as few passes over the tokens as possible. */
  Tensor terse(Tensor x, Inputs in) {
    return switch (this) {
      case GRPO -> perSequence(choice(x.sub(in.old).exp(), in), in);
      case GRPO_KL ->
          perSequence(choice(x.sub(in.old).exp(), in).add(k3(x, in), new Scalar(KL_BETA)), in);
      case GSPO -> minimum(mean(x.sub(in.old), in).exp(), in.column).mean();
      case GSPO_TOKEN -> {
        Tensor shared = mean(x.sub(in.old), in).detach().add(x).sub(x.detach());
        yield perSequence(choice(shared.exp(), in), in);
      }
      case CISPO -> held(x, in, x.detach().sub(in.old).exp_().clamp_max_(new Scalar(CISPO_BOUND)));
      case SAPO -> {
        Tensor tau = tau(in);
        Tensor gate = x.sub(in.old).exp().mul(tau).sub(tau).sigmoid();
        yield perSequence(gate.mul(in.column.div(tau).mul(new Scalar(-4))), in);
      }
      case VESPO -> held(x, in, vespoWeight(x.detach(), in).expand_as(x).clone());
      case GMPO -> {
        Tensor w = x.sub(in.old);
        Tensor bounded =
            torch.where(
                in.column.gt(new Scalar(0)),
                w.clamp_max(new Scalar(EPSILON)),
                w.clamp_min(new Scalar(-EPSILON)));
        yield mean(bounded, in).exp().mul(in.column).mean().neg();
      }
    };
  }

  private static Tensor clamped(Tensor x, double low, double high) {
    return x.clamp(new ScalarOptional(new Scalar(low)), new ScalarOptional(new Scalar(high)));
  }

  private static Tensor minimum(Tensor ratio, Tensor advantages) {
    Tensor clipped = clamped(ratio, 1 - EPSILON, 1 + EPSILON).mul(advantages);
    return torch.minimum(ratio.mul(advantages), clipped).neg();
  }

  /** One product with the advantage: the bound that can bite is chosen by its sign. */
  private static Tensor choice(Tensor ratio, Inputs in) {
    Tensor high = ratio.clamp_max(new Scalar(1 + EPSILON));
    Tensor low = ratio.clamp_min(new Scalar(1 - EPSILON));
    return torch.where(in.column.gt(new Scalar(0)), high, low).mul(in.column).neg();
  }

  private static Tensor held(Tensor x, Inputs in, Tensor weight) {
    try (NoGradGuard none = new NoGradGuard()) {
      weight.mul_(in.column).mul_(in.weights);
    }
    return weight.mul(x).sum().div(in.lengths.sum()).neg();
  }

  private static Tensor k3(Tensor x, Inputs in) {
    Tensor difference = in.reference.sub(x);
    return difference.exp().sub(difference).sub(new Scalar(1));
  }

  private static Tensor tau(Inputs in) {
    Tensor one = torch.ones_like(in.column);
    return torch.where(in.column.gt(new Scalar(0)), one, one.mul(new Scalar(1.05)));
  }

  private static Tensor vespoWeight(Tensor x, Inputs in) {
    try (NoGradGuard none = new NoGradGuard()) {
      Tensor sum = clamped(x.sub(in.old), -20, 20).mul(in.weights).sum(new long[] {1}, true, null);
      Tensor logWeight = clamped(sum, Math.log(1e-8), 20);
      Tensor gains = in.column.ge(new Scalar(0));
      Tensor two = torch.ones_like(in.column).mul(new Scalar(2));
      Tensor three = torch.ones_like(in.column).mul(new Scalar(3));
      Tensor k = torch.where(gains, two, three);
      Tensor lambda = torch.where(gains, three, two);
      return lambda.add(k.mul(logWeight)).sub(lambda.mul(logWeight.exp())).exp();
    }
  }

  /** Mean over the unmasked tokens, [sequences, 1]. */
  private static Tensor mean(Tensor perToken, Inputs in) {
    return perToken.mul(in.weights).sum(new long[] {1}, true, null).div(in.lengths);
  }

  private static Tensor perSequence(Tensor perToken, Inputs in) {
    return mean(perToken, in).mean();
  }

  private static Tensor perToken(Tensor perToken, Inputs in) {
    return perToken.mul(in.weights).sum().div(in.lengths.sum());
  }
}
