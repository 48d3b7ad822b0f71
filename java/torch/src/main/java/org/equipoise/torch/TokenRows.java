package org.equipoise.torch;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Per-token results [tokens] f32 (sums: or f64), in one dimension; null: not wanted. */
record TokenRows(Tensor values, Tensor logSumExp, Tensor logSumExp2x, Tensor entropy) {

  /** Views of the caller's tensors. */
  static TokenRows flat(
      Tensor targets, Tensor values, Tensor logSumExp, Tensor logSumExp2x, Tensor entropy) {
    return new TokenRows(
        flat(targets, "log-probs", values, false),
        flat(targets, "logSumExp", logSumExp, true),
        flat(targets, "logSumExp2x", logSumExp2x, true),
        flat(targets, "entropy", entropy, false));
  }

  private static Tensor flat(Tensor targets, String name, Tensor tensor, boolean orDouble) {
    if (tensor == null) {
      return null;
    }
    byte dtype = tensor.scalar_type().value;
    FusedArguments.require(
        tensor.numel() == targets.numel()
            && tensor.is_contiguous()
            && (dtype == ScalarType.Float.value || orDouble && dtype == ScalarType.Double.value),
        name,
        "contiguous float32" + (orDouble ? " or float64" : "") + " in the shape of the targets",
        tensor);
    return tensor.detach().view(-1);
  }
}
