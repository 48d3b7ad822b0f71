package org.equipoise.mbpo.qwen;

import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Attention over whole rows. */
final class Attention {
  private Attention() {}

  /**
   * {@code softmax(q kᵀ / √d) v} of [batch, heads, positions, d]. On a CPU 16-bit inputs are
   * computed in float32: LibTorch's own 16-bit attention falls back to a plain loop without MKL,
   * which took half the time of a pass through Qwen2-VL-2B.
   */
  static Tensor attend(Tensor query, Tensor key, Tensor value, boolean causal) {
    ScalarType type = query.scalar_type();
    boolean widen = query.is_cpu() && type.intern() != ScalarType.Float;
    Tensor mixed =
        torch.scaled_dot_product_attention(
            widen ? query.to(ScalarType.Float) : query,
            widen ? key.to(ScalarType.Float) : key,
            widen ? value.to(ScalarType.Float) : value,
            new TensorOptional(),
            0,
            causal,
            new DoubleOptional(),
            false);
    return widen ? mixed.to(type) : mixed;
  }
}
