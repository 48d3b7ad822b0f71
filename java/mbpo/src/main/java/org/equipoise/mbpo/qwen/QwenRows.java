package org.equipoise.mbpo.qwen;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.mbpo.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/**
 * Rows of token ids in which every image's one placeholder has been replaced by as many as the
 * image has tokens, with their positions, padded at the right. Attention is causal, so that no row
 * sees its padding.
 */
final class QwenRows {
  private final List<int[]> ids;
  private final List<MultimodalPositions> positions;
  private final List<List<Integer>> imagesOfRow;

  /** Tokens of each row that may stand for an image; the answers after them do not. */
  private final int[] promptLengths;

  private final DistinctImages images;
  private final QwenConfig config;

  private QwenRows(
      List<int[]> ids,
      List<MultimodalPositions> positions,
      List<List<Integer>> imagesOfRow,
      int[] promptLengths,
      DistinctImages images,
      QwenConfig config) {
    this.ids = ids;
    this.positions = positions;
    this.imagesOfRow = imagesOfRow;
    this.promptLengths = promptLengths;
    this.images = images;
    this.config = config;
  }

  /** Every distinct image tensor once, and which of them stands at each place of the batch. */
  private record DistinctImages(List<Tensor> images, int[] places) {
    static DistinctImages of(@Nullable ImageBatch batch) {
      if (batch == null) {
        return new DistinctImages(List.of(), new int[0]);
      }
      int[] places = new int[batch.size()];
      List<Tensor> distinct = new ArrayList<>();
      Map<Tensor, Integer> seen = new IdentityHashMap<>();
      for (int i = 0; i < places.length; i++) {
        Tensor image =
            batch.stacked() != null ? batch.stacked().select(0, i) : batch.images().get(i);
        Integer known = seen.putIfAbsent(image, distinct.size());
        places[i] = known == null ? distinct.size() : known;
        if (known == null) {
          distinct.add(image);
        }
      }
      return new DistinctImages(distinct, places);
    }
  }

  /**
   * @param batch images in the order of their placeholders, row after row; {@code null} for none
   * @param rows token ids with one placeholder for each image
   */
  static QwenRows of(QwenConfig config, @Nullable ImageBatch batch, List<int[]> rows) {
    DistinctImages images = DistinctImages.of(batch);
    List<MultimodalPositions.Grid> grids =
        images.images.stream().map(image -> grid(config.vision(), image)).toList();
    long placeholders =
        rows.stream().flatMapToInt(Arrays::stream).filter(id -> id == config.imageToken()).count();
    if (placeholders != images.places.length) {
      throw new IllegalArgumentException(
          "one image per image placeholder is needed, found "
              + images.places.length
              + " images and "
              + placeholders
              + " placeholders in "
              + rows.size()
              + " prompts");
    }
    List<int[]> ids = new ArrayList<>();
    List<MultimodalPositions> positions = new ArrayList<>();
    List<List<Integer>> imagesOfRow = new ArrayList<>();
    int place = 0;
    for (int[] row : rows) {
      List<Integer> own = new ArrayList<>();
      List<MultimodalPositions.Grid> ownGrids = new ArrayList<>();
      for (int id : row) {
        if (id == config.imageToken()) {
          own.add(images.places[place]);
          ownGrids.add(grids.get(images.places[place]));
          place++;
        }
      }
      int[] expanded = expand(row, config, ownGrids);
      ids.add(expanded);
      positions.add(MultimodalPositions.of(expanded, config.imageToken(), ownGrids));
      imagesOfRow.add(own);
    }
    int[] lengths = ids.stream().mapToInt(row -> row.length).toArray();
    return new QwenRows(ids, positions, imagesOfRow, lengths, images, config);
  }

  private static MultimodalPositions.Grid grid(QwenConfig.Vision vision, Tensor image) {
    int multiple = vision.pixelMultiple();
    boolean fits =
        image.dim() == 3
            && image.size(0) == 3
            && image.size(1) > 0
            && image.size(2) > 0
            && image.size(1) % multiple == 0
            && image.size(2) % multiple == 0;
    if (!fits) {
      throw new IllegalArgumentException(
          "images must be [3, height, width] with sides that are multiples of "
              + multiple
              + " (resize them with imageProcessor()), found a tensor of shape "
              + shape(image));
    }
    return new MultimodalPositions.Grid(
        Math.toIntExact(image.size(1) / multiple), Math.toIntExact(image.size(2) / multiple));
  }

  private static String shape(Tensor tensor) {
    List<Long> sizes = new ArrayList<>();
    for (long d = 0; d < tensor.dim(); d++) {
      sizes.add(tensor.size(d));
    }
    return sizes.toString();
  }

  private static int[] expand(int[] row, QwenConfig config, List<MultimodalPositions.Grid> grids) {
    long length = row.length;
    for (MultimodalPositions.Grid grid : grids) {
      length += grid.tokens() - 1L;
    }
    config.text().requireContext(length, 0);
    int[] expanded = new int[(int) length];
    int at = 0;
    int image = 0;
    for (int id : row) {
      int times = id == config.imageToken() ? grids.get(image++).tokens() : 1;
      Arrays.fill(expanded, at, at + times, id);
      at += times;
    }
    return expanded;
  }

  int size() {
    return ids.size();
  }

  /** Tokens of a row, as many for an image as it has. */
  int[] ids(int row) {
    return ids.get(row);
  }

  int length(int row) {
    return ids.get(row).length;
  }

  int longest() {
    return ids.stream().mapToInt(row -> row.length).max().orElse(0);
  }

  List<MultimodalPositions> positions() {
    return positions;
  }

  /** Which rows have the same tokens and images: rows of one key can share their computation. */
  Object key(int row) {
    return List.of(Arrays.stream(ids.get(row)).boxed().toList(), imagesOfRow.get(row));
  }

  /** Some of the rows; images are shared. */
  QwenRows subset(List<Integer> rows) {
    return new QwenRows(
        rows.stream().map(ids::get).toList(),
        rows.stream().map(positions::get).toList(),
        rows.stream().map(imagesOfRow::get).toList(),
        rows.stream().mapToInt(row -> promptLengths[row]).toArray(),
        images,
        config);
  }

  /**
   * The rows with answers behind them. Each answer's positions go on from its prompt's.
   *
   * @param answers of each row, as what is read of them
   */
  QwenRows withAnswers(List<List<int[]>> answers) {
    List<int[]> longer = new ArrayList<>();
    List<MultimodalPositions> further = new ArrayList<>();
    for (int row = 0; row < ids.size(); row++) {
      int[] lengths = answers.get(row).stream().mapToInt(answer -> answer.length).toArray();
      for (int answer : lengths) {
        config.text().requireContext(length(row), answer);
      }
      int[] own = Arrays.copyOf(ids.get(row), length(row) + Arrays.stream(lengths).sum());
      int at = length(row);
      for (int[] answer : answers.get(row)) {
        System.arraycopy(answer, 0, own, at, answer.length);
        at += answer.length;
      }
      longer.add(own);
      further.add(positions.get(row).withAnswers(lengths));
    }
    return new QwenRows(longer, further, imagesOfRow, promptLengths, images, config);
  }

  /** Ids padded at the right with id 0: int64 [rows, longest]. */
  Tensor padded() {
    int width = longest();
    long[] values = new long[Sizes.array("the rows of a pass", ids.size(), width)];
    for (int row = 0; row < ids.size(); row++) {
      int[] own = ids.get(row);
      for (int t = 0; t < own.length; t++) {
        values[row * width + t] = own[t];
      }
    }
    return HostTensors.longs(values, ids.size(), width);
  }

  /** Tokens [its tokens, width] of each distinct image; images of one size are one batch. */
  List<Tensor> encode(VisionTower tower) {
    Map<List<Long>, List<Integer>> bySize = new LinkedHashMap<>();
    for (int i = 0; i < images.images.size(); i++) {
      Tensor image = images.images.get(i);
      bySize
          .computeIfAbsent(List.of(image.size(1), image.size(2)), size -> new ArrayList<>())
          .add(i);
    }
    Tensor[] features = new Tensor[images.images.size()];
    for (List<Integer> group : bySize.values()) {
      Tensor[] members = group.stream().map(images.images::get).toArray(Tensor[]::new);
      Tensor encoded = tower.encode(torch.stack(new TensorVector(members)));
      for (int i = 0; i < members.length; i++) {
        features[group.get(i)] = encoded.select(0, i);
      }
    }
    return Arrays.asList(features);
  }

  /**
   * Embedded rows with the images' tokens in their places: [rows, longest, width].
   *
   * @param features from {@link #encode}
   */
  Tensor embed(LanguageModel language, List<Tensor> features, Tensor deviceOf) {
    Tensor embedded = language.embed(HostTensors.onDeviceOf(deviceOf, padded()));
    if (imagesOfRow.stream().allMatch(List::isEmpty)) {
      return embedded;
    }
    int width = longest();
    List<Tensor> sources = new ArrayList<>();
    List<Long> places = new ArrayList<>();
    for (int row = 0; row < ids.size(); row++) {
      int[] own = ids.get(row);
      for (int t = 0; t < promptLengths[row]; t++) {
        if (own[t] == config.imageToken()) {
          places.add((long) row * width + t);
        }
      }
      imagesOfRow.get(row).forEach(image -> sources.add(features.get(image)));
    }
    Tensor index =
        HostTensors.onDeviceOf(
            deviceOf,
            HostTensors.longs(places.stream().mapToLong(p -> p).toArray(), places.size()));
    Tensor source = torch.cat(new TensorVector(sources.toArray(new Tensor[0])), 0);
    return embedded
        .view(-1, embedded.size(2))
        .index_copy(0, index, source.to(embedded.scalar_type()))
        .view(embedded.size(0), embedded.size(1), embedded.size(2));
  }
}
