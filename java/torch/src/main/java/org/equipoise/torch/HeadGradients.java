package org.equipoise.torch;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Where the gradients of one call of {@link FusedLinear} go; null: not wanted. */
final class HeadGradients {
  /** [tokens, H], dtype of the hidden states. */
  final Tensor dHidden;

  /** [V, H] f32. */
  final Tensor dWeight;

  /** [V] f32. */
  final Tensor dBias;

  /** Whether dWeight holds nothing yet: its first product then overwrites it. */
  private boolean fresh;

  HeadGradients(Tensor dHidden, Tensor dWeight, Tensor dBias) {
    this(dHidden, dWeight, dBias, false);
  }

  private HeadGradients(Tensor dHidden, Tensor dWeight, Tensor dBias, boolean fresh) {
    this.dHidden = dHidden;
    this.dWeight = dWeight;
    this.dBias = dBias;
    this.fresh = fresh;
  }

  /** For what requires grad, and for the buffers that the head was told to accumulate into. */
  static HeadGradients wanted(FusedLinear head, Tensor hidden) {
    Tensor weight = head.weight();
    Tensor bias = head.bias();
    long width = weight.size(1);
    long tokens = hidden.numel() / width;
    Tensor dHidden =
        hidden.requires_grad()
            ? Tensors.empty(hidden, hidden.scalar_type().intern(), tokens, width)
            : null;
    if (head.accumulates()) {
      return new HeadGradients(dHidden, head.weightGradient(), head.biasGradient());
    }
    Tensor dWeight = null;
    if (weight.requires_grad()) {
      dWeight = Tensors.empty(weight, ScalarType.Float, weight.size(0), width);
      if (tokens == 0) {
        dWeight.zero_();
      }
    }
    Tensor dBias = null;
    if (bias != null && bias.requires_grad()) {
      dBias = Tensors.zeros(weight, ScalarType.Float, weight.size(0));
    }
    return new HeadGradients(dHidden, dWeight, dBias, tokens > 0);
  }

  boolean hiddenAlone() {
    return dHidden != null && dWeight == null && dBias == null;
  }

  boolean any() {
    return dHidden != null || dWeight != null || dBias != null;
  }

  /** True once: when the first product may overwrite dWeight. */
  boolean takeFresh() {
    boolean was = fresh;
    fresh = false;
    return was;
  }

  Tensor dHiddenLike(Tensor hidden) {
    return dHidden == null ? null : dHidden.view_as(hidden);
  }
}
