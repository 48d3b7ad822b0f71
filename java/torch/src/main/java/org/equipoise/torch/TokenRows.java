package org.equipoise.torch;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Per-token results [tokens] f32, in one dimension; null: not wanted. */
record TokenRows(Tensor values, Tensor logSumExp, Tensor logSumExp2x, Tensor entropy) {

  /** Views of the caller's tensors. */
  static TokenRows flat(
      Tensor targets, Tensor values, Tensor logSumExp, Tensor logSumExp2x, Tensor entropy) {
    return new TokenRows(
        flat(targets, "log-probs", values),
        flat(targets, "logSumExp", logSumExp),
        flat(targets, "logSumExp2x", logSumExp2x),
        flat(targets, "entropy", entropy));
  }

  private static Tensor flat(Tensor targets, String name, Tensor tensor) {
    if (tensor == null) {
      return null;
    }
    FusedArguments.require(
        tensor.numel() == targets.numel()
            && tensor.is_contiguous()
            && tensor.scalar_type().value == ScalarType.Float.value,
        name,
        "contiguous float32 in the shape of the targets",
        tensor);
    return tensor.detach().view(-1);
  }
}
