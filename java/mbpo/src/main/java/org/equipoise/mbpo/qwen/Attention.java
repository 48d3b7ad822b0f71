package org.equipoise.mbpo.qwen;

import org.bytedeco.openblas.presets.openblas_nolapack;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Attention over whole rows. */
final class Attention {
  private Attention() {}

  /** Every position attends to all. */
  static Tensor full(Tensor query, Tensor key, Tensor value) {
    return attend(query, key, value, new TensorOptional(), false);
  }

  /** Every position attends to itself and those before it. */
  static Tensor causal(Tensor query, Tensor key, Tensor value) {
    return attend(query, key, value, new TensorOptional(), true);
  }

  /**
   * Every position attends to those that a mask has.
   *
   * @param visible boolean [batch or 1, heads or 1, query positions, key positions]
   */
  static Tensor masked(Tensor query, Tensor key, Tensor value, Tensor visible) {
    return attend(query, key, value, new TensorOptional(visible), false);
  }

  /**
   * {@code softmax(q kᵀ / √d) v} of [batch, heads, positions, d]. On a CPU 16-bit inputs are
   * computed in float32: LibTorch's own 16-bit attention falls back to a plain loop without MKL,
   * which took half the time of a pass through Qwen2-VL-2B.
   */
  private static Tensor attend(
      Tensor query, Tensor key, Tensor value, TensorOptional mask, boolean causal) {
    ScalarType type = query.scalar_type();
    boolean widen = query.is_cpu() && type.intern() != ScalarType.Float;
    Tensor q = widen ? query.to(ScalarType.Float) : query;
    Tensor k = widen ? key.to(ScalarType.Float) : key;
    Tensor v = widen ? value.to(ScalarType.Float) : value;
    Tensor mixed =
        query.is_cpu() ? withSerialBlas(q, k, v, mask, causal) : fused(q, k, v, mask, causal);
    return widen ? mixed.to(type) : mixed;
  }

  /**
   * LibTorch's threads share the heads out and call OpenBLAS each for themselves, where calls that
   * use several threads wait for each other: on two threads a prompt took longer than on one.
   */
  private static Tensor withSerialBlas(
      Tensor q, Tensor k, Tensor v, TensorOptional mask, boolean causal) {
    int known = openblas_nolapack.blas_get_num_threads();
    int threads = known > 0 ? known : Runtime.getRuntime().availableProcessors();
    openblas_nolapack.blas_set_num_threads(1);
    try {
      return fused(q, k, v, mask, causal);
    } finally {
      openblas_nolapack.blas_set_num_threads(threads);
    }
  }

  private static Tensor fused(Tensor q, Tensor k, Tensor v, TensorOptional mask, boolean causal) {
    return torch.scaled_dot_product_attention(
        q, k, v, mask, 0, causal, new DoubleOptional(), false);
  }
}
