package org.equipoise.mbpo.qwen;

import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Keys and values of prompts and of what was generated after them. Several rows may go on from one
 * prompt: its keys and values are held once, and their queries attend to it together.
 *
 * <p>All prompts have one length, and each has the same number of rows after it, which are
 * neighbours.
 */
final class KeyValueCache implements AutoCloseable {
  private final Tensor[] promptKeys;
  private final Tensor[] promptValues;
  private final Tensor[] laterKeys;
  private final Tensor[] laterValues;
  private final int rowsPerPrompt;
  private final int capacity;
  private int later;

  /**
   * @param rowsPerPrompt rows that go on from each prompt
   * @param capacity most positions after the prompt
   */
  KeyValueCache(int layers, int rowsPerPrompt, int capacity) {
    promptKeys = new Tensor[layers];
    promptValues = new Tensor[layers];
    laterKeys = new Tensor[layers];
    laterValues = new Tensor[layers];
    this.rowsPerPrompt = rowsPerPrompt;
    this.capacity = capacity;
  }

  /** Keys and values [prompts, heads, positions, head width] of a layer. */
  void prompt(int layer, Tensor keys, Tensor values) {
    promptKeys[layer] = kept(keys.contiguous());
    promptValues[layer] = kept(values.contiguous());
    long[] shape = {keys.size(0) * rowsPerPrompt, keys.size(1), capacity, keys.size(3)};
    laterKeys[layer] = kept(keys.new_empty(shape));
    laterValues[layer] = kept(keys.new_empty(shape));
  }

  /**
   * Attention of one new position per row, which is added.
   *
   * @param query [rows, query heads, 1, head width]
   * @param key [rows, heads, 1, head width]; value likewise
   * @return [rows, query heads, 1, head width]
   */
  Tensor attend(int layer, Tensor query, Tensor key, Tensor value) {
    laterKeys[layer].narrow(2, later, 1).copy_(key);
    laterValues[layer].narrow(2, later, 1).copy_(value);
    long rows = key.size(0);
    long heads = key.size(1);
    long groups = query.size(1) / heads;
    long width = key.size(3);
    long prompts = rows / rowsPerPrompt;
    long perPrompt = rowsPerPrompt * groups;
    Tensor scaled = query.mul(new Scalar(1 / Math.sqrt(width)));
    // All queries that share a head of a prompt, as rows of one matrix.
    Tensor together =
        scaled
            .reshape(prompts, rowsPerPrompt, heads, groups, width)
            .transpose(1, 2)
            .reshape(prompts, heads, perPrompt, width);
    Tensor alone = scaled.reshape(rows, heads, groups, width);
    Tensor lateKeys = laterKeys[layer].narrow(2, 0, later + 1);
    Tensor promptProducts =
        together
            .matmul(promptKeys[layer].transpose(2, 3))
            .view(prompts, heads, rowsPerPrompt, groups, -1)
            .transpose(1, 2)
            .reshape(rows, heads, groups, -1);
    Tensor lateProducts = alone.matmul(lateKeys.transpose(2, 3));
    Tensor weights =
        torch
            .cat(new TensorVector(promptProducts, lateProducts), 3)
            .to(ScalarType.Float)
            .softmax(3)
            .to(query.scalar_type());
    long promptLength = promptProducts.size(3);
    Tensor fromPrompt =
        weights
            .narrow(3, 0, promptLength)
            .view(prompts, rowsPerPrompt, heads, groups, promptLength)
            .transpose(1, 2)
            .reshape(prompts, heads, perPrompt, promptLength)
            .matmul(promptValues[layer])
            .view(prompts, heads, rowsPerPrompt, groups, width)
            .transpose(1, 2)
            .reshape(rows, heads, groups, width);
    Tensor fromLater =
        weights
            .narrow(3, promptLength, later + 1)
            .matmul(laterValues[layer].narrow(2, 0, later + 1));
    return fromPrompt.add(fromLater).reshape(rows, heads * groups, 1, width);
  }

  /** After all layers have added a position. */
  void advance() {
    later++;
  }

  /** Outlives the scope of the block that made it. */
  private static Tensor kept(Tensor tensor) {
    return tensor.retainReference();
  }

  @Override
  public void close() {
    for (Tensor[] tensors : List.of(promptKeys, promptValues, laterKeys, laterValues)) {
      for (Tensor tensor : tensors) {
        if (tensor != null) {
          tensor.close();
        }
      }
    }
  }
}
