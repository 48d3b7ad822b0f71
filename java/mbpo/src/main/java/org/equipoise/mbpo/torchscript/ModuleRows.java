package org.equipoise.mbpo.torchscript;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.mbpo.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/** Rows of one image each, passed to a module in one call for each size of image. */
final class ModuleRows {
  private final TorchScriptModel model;
  private final ImageBatch images;
  private final Collection<List<Integer>> bySize;

  ModuleRows(TorchScriptModel model, @Nullable ImageBatch images, int rows) {
    if (images == null) {
      throw new UnsupportedOperationException(
          "a TorchScript module takes an image with every row; use the blind image as the baseline"
              + " instead of none");
    }
    if (images.size() != rows) {
      throw new IllegalArgumentException(
          "one image per row is needed, found " + images.size() + " images and " + rows + " rows");
    }
    this.model = model;
    this.images = images;
    Map<List<Long>, List<Integer>> sizes = new LinkedHashMap<>();
    for (int row = 0; row < rows; row++) {
      List<Long> size =
          images.stacked() != null
              ? List.of()
              : List.of(images.images().get(row).size(1), images.images().get(row).size(2));
      sizes.computeIfAbsent(size, s -> new ArrayList<>()).add(row);
    }
    bySize = sizes.values();
  }

  /**
   * Logits [sum of counts, vocabulary] of the last places of each row, row after row.
   *
   * @param counts how many places of each row
   */
  Tensor last(List<int[]> rows, int[] counts) {
    List<Tensor> parts = new ArrayList<>();
    long[] order = new long[Arrays.stream(counts).sum()];
    int[] first = new int[counts.length];
    for (int row = 1; row < first.length; row++) {
      first[row] = first[row - 1] + counts[row - 1];
    }
    int taken = 0;
    for (List<Integer> group : bySize) {
      int width = group.stream().mapToInt(row -> rows.get(row).length).max().orElse(0);
      Tensor logits = run(pixels(group), ids(group, rows, width));
      List<Long> places = new ArrayList<>();
      for (int i = 0; i < group.size(); i++) {
        int row = group.get(i);
        for (int t = 0; t < counts[row]; t++) {
          places.add((long) i * width + rows.get(row).length - counts[row] + t);
          order[first[row] + t] = taken++;
        }
      }
      parts.add(logits.reshape(-1, logits.size(2)).index_select(0, index(logits, places)));
    }
    if (parts.size() == 1) {
      return parts.get(0);
    }
    Tensor all = torch.cat(new TensorVector(parts.toArray(new Tensor[0])), 0);
    return all.index_select(0, index(all, Arrays.stream(order).boxed().toList()));
  }

  private static Tensor index(Tensor deviceOf, List<Long> values) {
    long[] array = values.stream().mapToLong(Long::longValue).toArray();
    return HostTensors.onDeviceOf(deviceOf, HostTensors.longs(array, array.length));
  }

  private Tensor pixels(List<Integer> group) {
    if (images.stacked() != null) {
      return images.stacked();
    }
    Tensor[] members = group.stream().map(images.images()::get).toArray(Tensor[]::new);
    return torch.stack(new TensorVector(members));
  }

  private Tensor ids(List<Integer> group, List<int[]> rows, int width) {
    long[] ids = new long[Sizes.array("the rows of a pass", group.size(), width)];
    Arrays.fill(ids, model.tokenizer().endToken());
    for (int i = 0; i < group.size(); i++) {
      int[] row = rows.get(group.get(i));
      for (int t = 0; t < row.length; t++) {
        ids[i * width + t] = row[t];
      }
    }
    return HostTensors.longs(ids, group.size(), width);
  }

  private Tensor run(Tensor pixels, Tensor ids) {
    String given =
        "pixels " + Arrays.toString(shape(pixels)) + " and ids " + Arrays.toString(shape(ids));
    IValue result;
    try {
      Tensor onDevice = HostTensors.onDeviceOf(pixels, ids);
      result = model.module().forward(new IValueVector(new IValue(pixels), new IValue(onDevice)));
    } catch (RuntimeException e) {
      throw new IllegalStateException(
          "the TorchScript module failed on " + given + ": " + TorchScriptModel.reason(e), e);
    }
    long[] found = result.isTensor() ? shape(result.toTensor()) : new long[0];
    long vocabulary = model.tokenizer().vocabularySize();
    boolean fits =
        found.length == 3
            && found[0] == ids.size(0)
            && found[1] == ids.size(1)
            && found[2] >= vocabulary;
    if (!fits) {
      throw new IllegalStateException(
          "the TorchScript module must answer "
              + given
              + " with logits ["
              + ids.size(0)
              + ", "
              + ids.size(1)
              + ", at least "
              + vocabulary
              + "], found "
              + (result.isTensor() ? Arrays.toString(found) : "no tensor"));
    }
    return result.toTensor();
  }

  private static long[] shape(Tensor tensor) {
    long[] shape = new long[(int) tensor.dim()];
    Arrays.setAll(shape, tensor::size);
    return shape;
  }
}
