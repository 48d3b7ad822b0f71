package org.equipoise.mbpo.train;

import java.util.List;
import java.util.function.Function;
import java.util.function.IntPredicate;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.model.AnswerStates;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.Returned;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.torch.FusedLinear;
import org.equipoise.torch.FusedLoss;
import org.equipoise.torch.ScalarLoss;
import org.equipoise.torch.TokenLogProbs;
import org.jspecify.annotations.Nullable;

/**
 * One teacher-forced pass with gradient, and the way back through it. Logits that fit a budget are
 * held whole; of more, where the model has a head, only a budget's worth exists at a time.
 */
final class AnswerPass {
  private final List<TokenSequence> sequences;
  private final AnswerStates states;
  private final long logitBudget;
  private final Tensor targets;
  private final AnswerGrid grid;
  private Tensor logProbs;

  AnswerPass(MultimodalModel model, List<Images> images, List<TokenSequence> sequences) {
    this(model, ImageBatch.ofQuestions(images), sequences);
  }

  AnswerPass(MultimodalModel model, @Nullable ImageBatch images, List<TokenSequence> sequences) {
    this(model, images, sequences, AnswerLogProbs.LOGIT_BUDGET);
  }

  /**
   * @param logitBudget in bytes
   */
  AnswerPass(
      MultimodalModel model,
      @Nullable ImageBatch images,
      List<TokenSequence> sequences,
      long logitBudget) {
    this.sequences = sequences;
    this.logitBudget = logitBudget;
    states = Returned.required(model.forward(images, sequences), "MultimodalModel.forward");
    Tensor device = states.hidden() != null ? states.hidden() : states.logits();
    targets = HostTensors.onDeviceOf(device, AnswerLogProbs.targets(sequences));
    grid = new AnswerGrid(sequences, device);
  }

  AnswerGrid grid() {
    return grid;
  }

  /**
   * Adds {@code share} times the gradient of a loss to the parameters' gradients; once per pass.
   *
   * @param loss from the log-probs of all answer tokens, packed
   */
  <R extends ScalarLoss> R backward(double share, Function<Tensor, R> loss) {
    return backward(share, loss, false);
  }

  /**
   * The same for a loss whose derivative by a token's log-prob depends on no other token's, which
   * saves products with a trainable head. It may be called several times, with log-probs of which
   * only the last call's are all there.
   */
  <R extends ScalarLoss> R backwardTokenwise(double share, Function<Tensor, R> loss) {
    return backward(share, loss, true);
  }

  private <R extends ScalarLoss> R backward(
      double share, Function<Tensor, R> loss, boolean tokenwise) {
    Scalar scale = new Scalar(share);
    R result = throughHead(scale, loss, tokenwise);
    states.backwardThrough();
    return result;
  }

  private <R extends ScalarLoss> R throughHead(
      Scalar scale, Function<Tensor, R> loss, boolean tokenwise) {
    if (AnswerLogProbs.fitsBudget(states, logitBudget)) {
      TokenLogProbs whole = TokenLogProbs.forward(states.logits(), targets);
      logProbs = whole.values();
      R result = Returned.required(loss.apply(logProbs), "the loss function");
      result.loss().mul(scale).backward();
      whole.backwardThrough();
      return result;
    }
    FusedLinear head = FusedLinear.head(states.headWeight()).logitBudget(logitBudget);
    FusedLoss<R> fused =
        tokenwise
            ? head.tokenLoss(states.hidden(), targets, p -> loss.apply(p.values()))
            : head.loss(states.hidden(), targets, p -> loss.apply(p.values()));
    logProbs = fused.logProbs().values();
    fused.loss().mul(scale).backward();
    return fused.details();
  }

  /** After the way back: log-probs of each sequence's answer tokens. */
  List<float[]> read() {
    return AnswerLogProbs.split(HostTensors.toFloats(logProbs), sequences);
  }

  /** Over some of the sequences: mean of the mean over tokens; NaN over none. */
  static double mean(List<float[]> logProbs, IntPredicate wanted) {
    double sum = 0;
    int count = 0;
    for (int row = 0; row < logProbs.size(); row++) {
      if (wanted.test(row)) {
        double tokens = 0;
        for (float value : logProbs.get(row)) {
          tokens += value;
        }
        sum += tokens / logProbs.get(row).length;
        count++;
      }
    }
    return sum / count;
  }
}
