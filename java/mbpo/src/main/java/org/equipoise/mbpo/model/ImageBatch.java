package org.equipoise.mbpo.model;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.mbpo.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/**
 * The RGB float32 images of several sequences, in the order of their places in the prompts; values
 * in [0, 1], each [3, height, width]; sizes may differ. A batch of equally sized images can be held
 * as one stacked tensor [images, 3, height, width], which is what models and attacks prefer.
 *
 * @param stacked the stacked tensor, or {@code null} when sizes differ
 * @param images the single images, or {@code null} when stacked
 */
public record ImageBatch(@Nullable Tensor stacked, @Nullable List<Tensor> images) {

  public ImageBatch {
    if ((stacked == null) == (images == null)) {
      throw new IllegalArgumentException("exactly one of stacked and images must be given");
    }
  }

  public static ImageBatch of(Tensor stacked) {
    return new ImageBatch(stacked, null);
  }

  public static ImageBatch of(List<Tensor> images) {
    return new ImageBatch(null, List.copyOf(images));
  }

  /**
   * Decoded images as tensors: stacked when all have one size and none occurs twice, otherwise one
   * by one, where an image object that occurs again is the same tensor object again, so that a
   * model can encode it once.
   */
  public static ImageBatch ofImages(List<RgbImage> images) {
    Map<RgbImage, Tensor> tensors = new IdentityHashMap<>();
    RgbImage first = images.get(0);
    boolean oneSize = true;
    for (RgbImage image : images) {
      tensors.put(image, null);
      oneSize &= image.width() == first.width() && image.height() == first.height();
    }
    if (!oneSize || tensors.size() < images.size()) {
      return of(
          images.stream()
              .map(
                  image -> {
                    Tensor known = tensors.get(image);
                    if (known == null) {
                      known = image.toTensor();
                      tensors.put(image, known);
                    }
                    return known;
                  })
              .toList());
    }
    int length = first.planes().length;
    float[] values = new float[Sizes.array("the images of a batch", images.size(), length)];
    for (int i = 0; i < images.size(); i++) {
      byte[] planes = images.get(i).planes();
      for (int j = 0; j < length; j++) {
        values[i * length + j] = (planes[j] & 0xff) / 255f;
      }
    }
    return of(HostTensors.floats(values, images.size(), 3, first.height(), first.width()));
  }

  /** The images of several questions, question after question; {@code null} where none has any. */
  public static @Nullable ImageBatch ofQuestions(List<Images> questions) {
    List<RgbImage> images = questions.stream().flatMap(own -> own.all().stream()).toList();
    return images.isEmpty() ? null : ofImages(images);
  }

  /**
   * The same with blind images of the same sizes.
   *
   * @param mean per channel, in [0, 1]
   */
  public static @Nullable ImageBatch blindOfQuestions(List<Images> questions, float[] mean) {
    ImageBatch seen = ofQuestions(questions);
    return seen == null ? null : seen.blind(mean);
  }

  /**
   * A blind image for each image of a batch: the same size, every pixel at the processor's mean.
   *
   * @param mean per channel, in [0, 1]
   */
  public ImageBatch blind(float[] mean) {
    if (stacked != null) {
      Tensor pixel = HostTensors.onDeviceOf(stacked, HostTensors.floats(mean, 1, 3, 1, 1));
      return of(pixel.expand(stacked.size(0), 3, stacked.size(2), stacked.size(3)).contiguous());
    }
    Map<Tensor, Tensor> blind = new IdentityHashMap<>();
    return of(
        images.stream()
            .map(
                image ->
                    blind.computeIfAbsent(
                        image,
                        i ->
                            HostTensors.floats(mean, 3, 1, 1)
                                .expand(3, i.size(1), i.size(2))
                                .contiguous()))
            .toList());
  }

  /**
   * The same batch with some images blind.
   *
   * @param rows one entry per image; true makes it blind
   * @param mean per channel, in [0, 1]
   */
  public ImageBatch blindWhere(boolean[] rows, float[] mean) {
    ImageBatch blind = blind(mean);
    if (stacked != null) {
      byte[] chosen = new byte[rows.length];
      for (int i = 0; i < rows.length; i++) {
        chosen[i] = (byte) (rows[i] ? 1 : 0);
      }
      Tensor condition =
          HostTensors.onDeviceOf(stacked, HostTensors.booleans(chosen, rows.length, 1, 1, 1));
      return of(torch.where(condition, blind.stacked, stacked));
    }
    List<Tensor> mixed = new ArrayList<>(images);
    for (int i = 0; i < rows.length; i++) {
      if (rows[i]) {
        mixed.set(i, blind.images.get(i));
      }
    }
    return of(mixed);
  }

  public int size() {
    return stacked != null ? (int) stacked.size(0) : images.size();
  }
}
