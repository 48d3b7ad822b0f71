package org.equipoise.mbpo.mine;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.torch.PixelBatch;

/**
 * The pixels of several questions' images, of any sizes, as rows [channels, n] of one tensor, where
 * n divides the number of pixels of every image. An attack treats the rows of one question, be they
 * of one image or several, as one thing to perturb.
 */
final class PixelRows {
  private static final int CHANNELS = 3;

  private final List<Images> questions;
  private final int rowPixels;
  private final boolean oneSize;
  private final int imageCount;

  PixelRows(List<Images> questions) {
    this.questions = questions;
    int divisor = 0;
    int count = 0;
    RgbImage first = questions.get(0).all().get(0);
    boolean same = true;
    for (Images images : questions) {
      for (RgbImage image : images.all()) {
        divisor = greatestCommonDivisor(divisor, pixels(image));
        same &= image.width() == first.width() && image.height() == first.height();
        count++;
      }
    }
    rowPixels = divisor;
    oneSize = same;
    imageCount = count;
  }

  /** The clean pixels in [0, 1], ready for an attack. */
  PixelBatch batch() {
    int rows = 0;
    long[] offsets = new long[questions.size() + 1];
    for (int q = 0; q < questions.size(); q++) {
      for (RgbImage image : questions.get(q).all()) {
        rows += pixels(image) / rowPixels;
      }
      offsets[q + 1] = rows;
    }
    float[] values = new float[rows * CHANNELS * rowPixels];
    int at = 0;
    for (Images images : questions) {
      for (RgbImage image : images.all()) {
        int plane = pixels(image);
        for (int from = 0; from < plane; from += rowPixels) {
          for (int channel = 0; channel < CHANNELS; channel++) {
            for (int i = 0; i < rowPixels; i++) {
              values[at++] = (image.planes()[channel * plane + from + i] & 0xff) / 255f;
            }
          }
        }
      }
    }
    return PixelBatch.packed(
        HostTensors.floats(values, rows, CHANNELS * rowPixels), CHANNELS, 1, offsets);
  }

  /** The images that rows stand for; differentiable. */
  ImageBatch images(Tensor rows) {
    RgbImage first = questions.get(0).all().get(0);
    if (oneSize) {
      Tensor chunks = rows.view(imageCount, -1, CHANNELS, rowPixels).permute(0, 2, 1, 3);
      return ImageBatch.of(chunks.reshape(imageCount, CHANNELS, first.height(), first.width()));
    }
    List<Tensor> tensors = new ArrayList<>();
    long at = 0;
    for (Images images : questions) {
      for (RgbImage image : images.all()) {
        long count = pixels(image) / rowPixels;
        Tensor chunks = rows.narrow(0, at, count).view(count, CHANNELS, rowPixels);
        tensors.add(chunks.permute(1, 0, 2).reshape(CHANNELS, image.height(), image.width()));
        at += count;
      }
    }
    return ImageBatch.of(tensors);
  }

  /** The images that rows of 8-bit codes stand for. */
  List<Images> images(byte[] codes) {
    List<Images> result = new ArrayList<>();
    int at = 0;
    for (Images images : questions) {
      List<RgbImage> own = new ArrayList<>();
      for (RgbImage image : images.all()) {
        int plane = pixels(image);
        byte[] planes = new byte[CHANNELS * plane];
        for (int from = 0; from < plane; from += rowPixels) {
          for (int channel = 0; channel < CHANNELS; channel++) {
            System.arraycopy(codes, at, planes, channel * plane + from, rowPixels);
            at += rowPixels;
          }
        }
        own.add(new RgbImage(image.width(), image.height(), planes));
      }
      result.add(new Images(own));
    }
    return result;
  }

  private static int pixels(RgbImage image) {
    return image.width() * image.height();
  }

  private static int greatestCommonDivisor(int a, int b) {
    return b == 0 ? a : greatestCommonDivisor(b, a % b);
  }
}
