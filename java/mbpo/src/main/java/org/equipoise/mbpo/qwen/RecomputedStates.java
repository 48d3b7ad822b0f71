package org.equipoise.mbpo.qwen;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.equipoise.mbpo.model.AnswerStates;
import org.jspecify.annotations.Nullable;

/**
 * A pass that keeps only what goes into each block (arXiv 1604.06174). On the way back each block
 * is computed once more, from the last to the first, with the graph that its own gradient needs: a
 * third more work for a small part of the memory.
 */
final class RecomputedStates implements AnswerStates {
  private final LanguageModel language;
  private final Tensor embedded;
  private final Rotary rotary;
  private final AnswerRows rows;
  private final List<Tensor> inputs = new ArrayList<>();
  private final Tensor last;
  private final Tensor hidden;
  private final Tensor headWeight;

  /**
   * @param embedded rows [rows, positions, width], attached to the graph of what made them
   */
  RecomputedStates(
      LanguageModel language, Tensor embedded, Rotary rotary, AnswerRows rows, Tensor headWeight) {
    this.language = language;
    this.embedded = embedded;
    this.rotary = rotary;
    this.rows = rows;
    this.headWeight = headWeight;
    Tensor x = embedded.detach();
    try (NoGradGuard noGrad = new NoGradGuard()) {
      for (int layer = 0; layer < language.layers(); layer++) {
        inputs.add(x);
        x = language.block(layer, x, rotary, rows);
      }
    }
    last = x.detach().set_requires_grad(true);
    hidden = language.norm(last.reshape(-1, last.size(2)).index_select(0, rows.places()));
  }

  @Override
  public Tensor logits() {
    return QwenWeights.logits(hidden, headWeight);
  }

  @Override
  public Tensor hidden() {
    return hidden;
  }

  @Override
  public Tensor headWeight() {
    return headWeight;
  }

  @Override
  public void backwardThrough() {
    boolean embedding = embedded.requires_grad();
    Tensor gradient = last.grad();
    for (int layer = language.layers() - 1; layer >= 0; layer--) {
      Tensor input = inputs.get(layer).detach().set_requires_grad(layer > 0 || embedding);
      try (PointerScope scope = new PointerScope()) {
        push(language.block(layer, input, rotary, rows), gradient);
      }
      gradient = layer > 0 || embedding ? input.grad() : null;
    }
    if (embedding) {
      push(embedded, gradient);
    }
  }

  private static void push(Tensor tensor, @Nullable Tensor gradient) {
    tensor.backward(gradient, new BoolOptional(), false, new TensorArrayRefOptional());
  }
}
