package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What {@link FusedLinear} computes per token, in the shape of the targets. {@link #values()} and
 * {@link #entropy()} are leaves of the autograd graph where a gradient is wanted. Not thread-safe;
 * the tensors belong to the innermost {@code PointerScope} of the call that made them.
 */
public final class FusedLogProbs {
  private final FusedLinear head;
  private final Tensor hidden;
  private final Tensor targets;
  private final boolean differentiable;

  /** The leaves are views of its memory. */
  final TokenRows rows;

  private Tensor values;
  private Tensor entropy;

  FusedLogProbs(FusedLinear head, Tensor hidden, Tensor targets, boolean differentiable) {
    this.head = head;
    this.hidden = hidden;
    this.targets = targets;
    this.differentiable = differentiable;
    long tokens = targets.numel();
    rows =
        new TokenRows(
            zeros(ScalarType.Float, tokens),
            zeros(ScalarType.Double, tokens),
            head.options().logSumExp2x() ? zeros(ScalarType.Double, tokens) : null,
            head.options().entropy() ? zeros(ScalarType.Float, tokens) : null);
    freshLeaves();
  }

  private Tensor zeros(ScalarType dtype, long tokens) {
    return Tensors.zeros(hidden, dtype, tokens);
  }

  /** New leaves without gradients over the same memory. */
  void freshLeaves() {
    values = leaf(rows.values());
    entropy = rows.entropy() == null ? null : leaf(rows.entropy());
  }

  private Tensor leaf(Tensor flat) {
    return shaped(flat).set_requires_grad(differentiable);
  }

  private Tensor shaped(Tensor flat) {
    return alive("log-probs", flat).detach().view_as(alive("targets", targets)).detach();
  }

  /** Log-probabilities f32; a leaf that requires grad where a gradient is wanted. */
  public Tensor values() {
    return alive("values", values);
  }

  /** f64, without gradient. */
  public Tensor logSumExp() {
    return shaped(rows.logSumExp());
  }

  /**
   * {@code ln sum_j exp(2 z_j)} f64, without gradient.
   *
   * @throws IllegalStateException unless {@link FusedLinear#logSumExp2x(boolean)} asked for it
   */
  public Tensor logSumExp2x() {
    return shaped(asked(rows.logSumExp2x(), "logSumExp2x"));
  }

  /**
   * f32; a leaf that requires grad where a gradient is wanted.
   *
   * @throws IllegalStateException unless {@link FusedLinear#entropy(boolean)} asked for it
   */
  public Tensor entropy() {
    asked(rows.entropy(), "entropy");
    return alive("entropy", entropy);
  }

  /**
   * Carries the gradients that {@code backward()} left in {@link #values()} and {@link #entropy()}
   * on: into the graph that made the hidden states, and into the gradients of weight and bias where
   * they require grad. Computes the logits once more, chunk by chunk. {@link FusedLinear#loss} and
   * {@link FusedLinear#tokenLoss} save that where it can be saved.
   *
   * <p>Takes the gradients away: a second call needs another {@code backward()} first.
   *
   * @throws IllegalStateException if neither has a gradient
   */
  public void backwardThrough() {
    try (PointerScope scope = new PointerScope();
        LogitChunks chunks =
            new LogitChunks(head, alive("hidden", hidden), alive("targets", targets))) {
      requireGradient();
      HeadGradients gradients = HeadGradients.wanted(head, hidden);
      chunks.backwardAll(rows, valuesGradient(), entropyGradient(), gradients);
      TensorVector roots = new TensorVector();
      TensorVector given = new TensorVector();
      add(roots, hidden, given, gradients.dHiddenLike(hidden));
      if (!head.accumulates()) {
        add(roots, head.weight(), given, gradients.dWeight);
        add(roots, head.bias(), given, gradients.dBias);
      }
      // In one pass: hidden states and head may have come out of one graph (a tied embedding).
      if (!roots.empty()) {
        torch.backward(roots, given, new BoolOptional(), false, new TensorVector());
      }
      forgetGradients();
    }
  }

  private static void add(TensorVector roots, Tensor root, TensorVector given, Tensor gradient) {
    if (gradient != null) {
      roots.push_back(root);
      given.push_back(gradient.to(root.dtype()));
    }
  }

  /** What was carried on is not carried on again. */
  void forgetGradients() {
    forget(values);
    forget(entropy);
  }

  private static void forget(Tensor leaf) {
    if (leaf != null && leaf.grad().defined()) {
      leaf.mutable_grad().reset();
    }
  }

  /**
   * Goes back through a loss of the log-probs and entropies to these and to nothing else; its graph
   * stays. Other tensors that it depends on must not get a gradient with every chunk.
   */
  void takeGradientOf(Tensor loss) {
    if (loss.requires_grad()) {
      TensorVector leaves =
          entropy == null ? new TensorVector(values) : new TensorVector(values, entropy);
      loss.backward(
          new Tensor(), new BoolOptional(true), false, new TensorArrayRefOptional(leaves));
    }
    requireGradient();
  }

  void requireGradient() {
    if (flatGradient(values) == null && flatGradient(entropy) == null) {
      throw new IllegalStateException(
          "FusedLinear: values: expected a gradient, found none; call backward() on a loss made"
              + " from the log-probs or the entropy first");
    }
  }

  Tensor valuesGradient() {
    return flatGradient(values);
  }

  Tensor entropyGradient() {
    return flatGradient(entropy);
  }

  /** [tokens] f32, contiguous; null when {@code backward()} left none. */
  private static Tensor flatGradient(Tensor leaf) {
    if (leaf == null) {
      return null;
    }
    Tensor gradient = alive("values", leaf).grad();
    return gradient.defined() ? gradient.to(ScalarType.Float).reshape(-1).contiguous() : null;
  }

  private static Tensor asked(Tensor tensor, String name) {
    if (tensor == null) {
      throw new IllegalStateException(
          name + " was not computed: ask for it with FusedLinear." + name + "(true)");
    }
    return tensor;
  }
}
