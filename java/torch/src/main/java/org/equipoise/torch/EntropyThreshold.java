package org.equipoise.torch;

import static org.equipoise.kernels.NativeLibrary.alive;

import java.util.stream.LongStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The entropy from which on tokens count among the most uncertain ones (arXiv 2506.01939, TRL's
 * {@code top_entropy_quantile}), for {@code PolicyBatch.entropy(entropy, threshold)}.
 *
 * <pre>{@code
 * Tensor threshold = EntropyThreshold.ofTop(0.2, entropy, mask);     // the top fifth
 * }</pre>
 */
public final class EntropyThreshold {
  private EntropyThreshold() {}

  /**
   * The quantile {@code 1 - share} of the unmasked entropies, between neighbours by linear
   * interpolation as {@code torch.quantile} does, of any number of tokens.
   *
   * @param share of the tokens that are to pass, 0 to 1
   * @param entropy [sequences, tokens] f32 or f64
   * @param mask bool or u8 of the same shape; tokens with 0 may hold anything
   * @return [] of the dtype and device of the entropy: +Inf without unmasked tokens, NaN (no token
   *     passes) if one of them is NaN
   * @throws IllegalArgumentException for a share outside of [0, 1] or shapes that differ
   */
  public static Tensor ofTop(double share, Tensor entropy, Tensor mask) {
    if (!(share >= 0 && share <= 1)) {
      throw new IllegalArgumentException(
          "EntropyThreshold: share: expected a number from 0 to 1, found " + share);
    }
    alive("entropy", entropy);
    alive("mask", mask);
    if (!shape(entropy).equals(shape(mask))) {
      throw new IllegalArgumentException(
          "EntropyThreshold: mask: expected the shape of entropy "
              + shape(entropy)
              + ", found "
              + shape(mask));
    }
    int type = mask.scalar_type().value;
    if (type != ScalarType.Bool.value && type != ScalarType.Byte.value) {
      throw new IllegalArgumentException(
          "EntropyThreshold: mask: expected dtype bool or uint8, found "
              + mask.scalar_type().intern());
    }
    Tensor threshold = entropy.detach().new_empty(new long[0]);
    try (PointerScope scope = new PointerScope();
        NoGradGuard none = new NoGradGuard()) {
      threshold.copy_(quantile(1 - share, entropy.masked_select(mask.ne(new Scalar(0)))));
    }
    return threshold;
  }

  private static String shape(Tensor tensor) {
    return LongStream.range(0, tensor.dim()).map(tensor::size).boxed().toList().toString();
  }

  private static Tensor quantile(double quantile, Tensor values) {
    long count = values.numel();
    if (count == 0) {
      return values.new_full(new long[0], new Scalar(Double.POSITIVE_INFINITY));
    }
    double position = quantile * (count - 1);
    long below = (long) Math.floor(position);
    Tensor low = values.kthvalue(below + 1).get0();
    Tensor high = values.kthvalue(Math.min(below + 2, count)).get0();
    // Where infinite, a neighbour counts only if it has weight, and then it is the result.
    Tensor between =
        position == below
            ? low
            : torch.where(high.isinf(), high, low.lerp(high, new Scalar(position - below)));
    // kthvalue orders NaN last; a single one must show.
    return torch.where(values.isnan().any(), values.sum(), between);
  }
}
