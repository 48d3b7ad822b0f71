package org.equipoise.torch;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.NativeLibrary;

/**
 * What {@link FusedLinear} demands of its tensors; a refusal names argument, expected and found.
 */
final class FusedArguments {
  private FusedArguments() {}

  /** The inputs of one call. */
  static void check(Tensor weight, Tensor hidden, Tensor targets) {
    NativeLibrary.alive("targets", targets);
    long dims = NativeLibrary.alive("hidden", hidden).dim();
    require(
        dims >= 1 && hidden.size(-1) == weight.size(1) && Tensors.sameType(hidden, weight),
        "hidden",
        "[..., H] with H = " + weight.size(1) + " in the dtype of the weight",
        hidden);
    boolean fits = targets.dim() == dims - 1;
    for (long d = 0; fits && d < dims - 1; d++) {
      fits = targets.size(d) == hidden.size(d);
    }
    require(fits, "targets", "the shape of hidden without its last dimension", targets);
  }

  /** Memory for gradients; null: not wanted. */
  static void checkGradients(
      Tensor weight, Tensor hidden, Tensor dHidden, Tensor dWeight, Tensor dBias) {
    require(
        dHidden == null
            || (dHidden.numel() == hidden.numel()
                && dHidden.is_contiguous()
                && Tensors.sameType(dHidden, hidden)),
        "dHidden",
        "contiguous memory in shape and dtype of hidden",
        dHidden);
    require(
        dWeight == null
            || (dWeight.dim() == 2
                && dWeight.size(0) == weight.size(0)
                && dWeight.size(1) == weight.size(1)
                && dWeight.scalar_type().value == ScalarType.Float.value),
        "dWeight",
        "float32 in the shape of the weight",
        dWeight);
    require(
        dBias == null
            || (dBias.dim() == 1
                && dBias.size(0) == weight.size(0)
                && dBias.scalar_type().value == ScalarType.Float.value),
        "dBias",
        "float32 [V] with V = " + weight.size(0),
        dBias);
  }

  static void require(boolean holds, String name, String expected, Tensor found) {
    if (holds) {
      return;
    }
    StringBuilder shape = new StringBuilder();
    for (long d = 0; d < found.dim(); d++) {
      shape.append(d == 0 ? "" : ", ").append(found.size(d));
    }
    throw new IllegalArgumentException(
        "FusedLinear: %s: expected %s, found %s [%s]"
            .formatted(name, expected, found.scalar_type().intern(), shape));
  }
}
