package org.equipoise.torch;

import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** In which order {@link FusedLinear} computes logits, calls loss functions and goes back. */
final class FusedPasses {
  private FusedPasses() {}

  static FusedLogProbs forward(
      FusedLinear head, Tensor hidden, Tensor targets, boolean differentiable) {
    FusedArguments.check(head.weight(), hidden, targets);
    FusedLogProbs out = new FusedLogProbs(head, hidden, targets, differentiable);
    try (LogitChunks chunks = new LogitChunks(head, hidden, targets)) {
      chunks.forwardAll(out.rows);
    }
    return out;
  }

  static <R extends ScalarLoss> FusedLoss<R> loss(
      FusedLinear head, Tensor hidden, Tensor targets, Function<FusedLogProbs, R> function) {
    FusedArguments.check(head.weight(), hidden, targets);
    HeadGradients gradients = wanted(head, hidden);
    FusedLogProbs out = new FusedLogProbs(head, hidden, targets, gradients.any());
    boolean direction = gradients.hiddenAlone() && !head.options().entropy();
    R details;
    try (LogitChunks chunks = new LogitChunks(head, hidden, targets)) {
      if (direction) {
        writeDirections(chunks, out, gradients);
      } else {
        chunks.forwardAll(out.rows);
      }
      details = checked(function.apply(out));
      if (gradients.any()) {
        out.takeGradientOf(details.loss());
        if (direction) {
          chunks.scaleRows(gradients.dHidden, out.valuesGradient());
        } else {
          chunks.backwardAll(out.rows, out.valuesGradient(), out.entropyGradient(), gradients);
        }
      }
    }
    return new FusedLoss<>(attach(head, details.loss(), hidden, gradients, out), details, out);
  }

  static <R extends ScalarLoss> FusedLoss<R> tokenLoss(
      FusedLinear head, Tensor hidden, Tensor targets, Function<FusedLogProbs, R> function) {
    FusedArguments.check(head.weight(), hidden, targets);
    HeadGradients gradients = wanted(head, hidden);
    FusedLogProbs out = new FusedLogProbs(head, hidden, targets, gradients.any());
    R details;
    try (LogitChunks chunks = new LogitChunks(head, hidden, targets);
        UsedCoefficients used = new UsedCoefficients(out)) {
      int last = chunks.count() - 1;
      for (int chunk = 0; chunk < last; chunk++) {
        chunks.forward(chunk, out.rows);
        if (gradients.any()) {
          try (PointerScope scope = new PointerScope()) {
            out.freshLeaves();
            out.takeGradientOf(checked(function.apply(out)).loss());
            goBack(chunks, chunk, out, used, gradients);
          }
        }
      }
      if (last >= 0) {
        chunks.forward(last, out.rows);
      }
      out.freshLeaves();
      details = checked(function.apply(out));
      if (gradients.any() && last >= 0) {
        try (PointerScope scope = new PointerScope()) {
          out.takeGradientOf(details.loss());
          goBack(chunks, last, out, used, gradients);
          used.requireTokenLocal();
        }
      }
    }
    return new FusedLoss<>(attach(head, details.loss(), hidden, gradients, out), details, out);
  }

  private static <R extends ScalarLoss> R checked(R details) {
    boolean none = details == null || details.loss() == null || details.loss().isNull();
    if (none) {
      throw new IllegalArgumentException("function: expected a loss, found null");
    }
    return details;
  }

  private static void goBack(
      LogitChunks chunks,
      int chunk,
      FusedLogProbs out,
      UsedCoefficients used,
      HeadGradients gradients) {
    UsedCoefficients.Coefficients coefficients = used.take(chunks, chunk);
    chunks.backward(chunk, out.rows, coefficients.values(), coefficients.entropy(), gradients);
  }

  private static void writeDirections(
      LogitChunks chunks, FusedLogProbs out, HeadGradients gradients) {
    try (PointerScope scope = new PointerScope()) {
      Tensor ones = torch.ones_like(out.rows.values());
      for (int chunk = 0; chunk < chunks.count(); chunk++) {
        chunks.forward(chunk, out.rows);
        chunks.backward(chunk, out.rows, ones, null, gradients);
      }
    }
  }

  private static HeadGradients wanted(FusedLinear head, Tensor hidden) {
    return GradMode.is_enabled()
        ? HeadGradients.wanted(head, hidden)
        : new HeadGradients(null, null, null);
  }

  private static Tensor attach(
      FusedLinear head, Tensor value, Tensor hidden, HeadGradients gradients, FusedLogProbs out) {
    AttachedGradient attached = new AttachedGradient().add(hidden, gradients.dHiddenLike(hidden));
    if (value.requires_grad()) {
      // Whatever else the loss function differentiates gets its gradient with that of the rest.
      out.forgetGradients();
      attached.add(value, torch.ones_like(value.detach()));
    }
    if (!head.accumulates()) {
      attached.add(head.weight(), gradients.dWeight).add(head.bias(), gradients.dBias);
    }
    return attached.finish(value);
  }
}
