package org.equipoise.mbpo.train;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.tensor.HostTensors;

/**
 * The answer tokens of several sequences as rows of one rectangle [sequences, longest], which is
 * what the losses take; shorter rows are padded at the right and masked.
 */
final class AnswerGrid {
  private final int[] lengths;
  private final int width;
  private final Tensor packedIndex;
  private final Tensor mask;
  private final Tensor like;

  /**
   * @param like a tensor on the device where the grid shall live
   */
  AnswerGrid(List<TokenSequence> sequences, Tensor like) {
    this.like = like;
    lengths = sequences.stream().mapToInt(s -> s.answer().length).toArray();
    int longest = 0;
    for (int length : lengths) {
      longest = Math.max(longest, length);
    }
    width = longest;
    long[] index = new long[lengths.length * width];
    byte[] present = new byte[index.length];
    long packed = 0;
    for (int row = 0; row < lengths.length; row++) {
      for (int t = 0; t < lengths[row]; t++) {
        index[row * width + t] = packed++;
        present[row * width + t] = 1;
      }
    }
    packedIndex = HostTensors.onDeviceOf(like, HostTensors.longs(index, index.length));
    mask = HostTensors.onDeviceOf(like, HostTensors.booleans(present, lengths.length, width));
  }

  /** Packed values [tokens] as a grid; differentiable. Padding holds some other token's value. */
  Tensor arrange(Tensor packed) {
    return packed.index_select(0, packedIndex).view(lengths.length, width);
  }

  /** Constants, one array per sequence, as a grid; padding is 0. */
  Tensor arrange(List<float[]> rows) {
    float[] values = new float[lengths.length * width];
    for (int row = 0; row < lengths.length; row++) {
      if (rows.get(row).length != lengths[row]) {
        throw new IllegalArgumentException(
            "sequence "
                + row
                + " has "
                + lengths[row]
                + " answer tokens, but "
                + rows.get(row).length
                + " values were given");
      }
      System.arraycopy(rows.get(row), 0, values, row * width, lengths[row]);
    }
    return HostTensors.onDeviceOf(like, HostTensors.floats(values, lengths.length, width));
  }

  /** One constant per sequence. */
  Tensor perSequence(float[] values) {
    return HostTensors.onDeviceOf(like, HostTensors.floats(values, lengths.length));
  }

  /** Boolean [sequences, longest]. */
  Tensor mask() {
    return mask;
  }
}
