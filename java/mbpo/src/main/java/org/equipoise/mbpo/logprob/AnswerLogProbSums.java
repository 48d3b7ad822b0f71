package org.equipoise.mbpo.logprob;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.model.AnswerStates;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.torch.FusedLinear;
import org.equipoise.torch.FusedLoss;
import org.equipoise.torch.ScalarLoss;
import org.equipoise.torch.TokenLogProbs;
import org.jspecify.annotations.Nullable;

/**
 * The summed log-prob of each answer, differentiable with respect to whatever the states depend on;
 * what attacks on the image minimise.
 *
 * <p>The gradient G with respect to the states (logits, or hidden states whose logits are too many
 * to be held) comes from the kernels; a sum of {@code states · G}, whose value is taken off again,
 * carries it into the graph.
 */
public final class AnswerLogProbSums {
  /** Per-token log-probs and their sum's gradient with respect to the states, or null. */
  private record WithGradient(Tensor values, @Nullable Tensor gradient) {}

  private AnswerLogProbSums() {}

  /**
   * @return f32 [sequences]; attached to the graph if the states are. The head stays as it is.
   */
  public static Tensor of(AnswerStates answers, List<TokenSequence> sequences) {
    return of(answers, sequences, AnswerLogProbs.LOGIT_BUDGET);
  }

  static Tensor of(AnswerStates answers, List<TokenSequence> sequences, long logitBudget) {
    boolean whole = AnswerLogProbs.fitsBudget(answers, logitBudget);
    Tensor states = whole ? answers.logits() : answers.hidden();
    Tensor targets = HostTensors.onDeviceOf(states, AnswerLogProbs.targets(sequences));
    WithGradient found =
        whole
            ? ofLogits(states, targets)
            : ofHidden(
                FusedLinear.head(answers.headWeight().detach()), states, targets, logitBudget);
    Tensor sums = AnswerLogProbs.sumPerSequence(found.values.detach(), sequences);
    if (found.gradient == null) {
      return sums;
    }
    Tensor carried = states.mul(found.gradient).sum(1).to(ScalarType.Float);
    Tensor perSequence = AnswerLogProbs.sumPerSequence(carried, sequences);
    return perSequence.sub(perSequence.detach()).add(sums);
  }

  private static WithGradient ofLogits(Tensor logits, Tensor targets) {
    TokenLogProbs logProbs = TokenLogProbs.forward(logits, targets);
    if (!logits.requires_grad()) {
      return new WithGradient(logProbs.values(), null);
    }
    logProbs.values().sum().backward();
    return new WithGradient(logProbs.values(), logProbs.backward());
  }

  private static WithGradient ofHidden(
      FusedLinear head, Tensor hidden, Tensor targets, long logitBudget) {
    Tensor leaf = hidden.detach().set_requires_grad(hidden.requires_grad());
    FusedLoss<ScalarLoss> sum =
        head.logitBudget(logitBudget)
            .loss(
                leaf,
                targets,
                logProbs -> {
                  Tensor total = logProbs.values().sum();
                  return () -> total;
                });
    if (!hidden.requires_grad()) {
      return new WithGradient(sum.logProbs().values(), null);
    }
    sum.backward();
    return new WithGradient(sum.logProbs().values(), leaf.grad());
  }
}
