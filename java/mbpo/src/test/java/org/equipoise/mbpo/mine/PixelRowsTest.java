package org.equipoise.mbpo.mine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.torch.EightBitGrid;
import org.equipoise.torch.PixelBatch;
import org.junit.jupiter.api.Test;

class PixelRowsTest {
  private final Random random = new Random(3);

  private RgbImage image(int width, int height) {
    byte[] planes = new byte[3 * width * height];
    random.nextBytes(planes);
    return new RgbImage(width, height, planes);
  }

  private static void assertRoundTrip(List<Images> questions, long rows, long rowPixels) {
    try (PointerScope scope = new PointerScope()) {
      PixelRows pixels = new PixelRows(questions);
      PixelBatch batch = pixels.batch();
      assertEquals(questions.size(), batch.images());
      assertArrayEquals(new long[] {rows, 3 * rowPixels}, batch.tensor().shape());
      ImageBatch images = pixels.images(batch.tensor());
      int at = 0;
      for (Images own : questions) {
        for (RgbImage expected : own.all()) {
          Tensor actual =
              images.stacked() != null ? images.stacked().select(0, at) : images.images().get(at);
          assertArrayEquals(expected.toTensor().shape(), actual.shape());
          assertArrayEquals(
              HostTensors.toFloats(expected.toTensor()), HostTensors.toFloats(actual));
          at++;
        }
      }
      assertEquals(at, images.size());
      byte[] codes =
          HostTensors.toBytes(
              EightBitGrid.defaults().codes(batch.tensor().view(rows, 3, 1, rowPixels), null));
      List<Images> back = pixels.images(codes);
      for (int q = 0; q < questions.size(); q++) {
        for (int i = 0; i < questions.get(q).all().size(); i++) {
          assertArrayEquals(
              questions.get(q).all().get(i).planes(), back.get(q).all().get(i).planes());
        }
      }
    }
  }

  @Test
  void oneSizeIsOneRowAnImage() {
    assertRoundTrip(
        List.of(Images.of(image(4, 6)), Images.of(image(4, 6)), Images.of(image(4, 6))), 3, 24);
  }

  @Test
  void severalSizesShareTheirLargestCommonRow() {
    assertRoundTrip(
        List.of(
            Images.of(image(4, 6)),
            new Images(List.of(image(6, 6), image(4, 3))),
            Images.of(image(6, 4))),
        2 + 3 + 1 + 2,
        12);
  }

  /** Gradients come back to the rows that the pixels are in. */
  @Test
  void gradientsFollowThePixels() {
    List<Images> questions = List.of(new Images(List.of(image(2, 3), image(4, 1))));
    try (PointerScope scope = new PointerScope()) {
      PixelRows pixels = new PixelRows(questions);
      Tensor rows = pixels.batch().tensor().detach().set_requires_grad(true);
      Tensor second = pixels.images(rows).images().get(1);
      second.select(0, 2).mul(new Scalar(3.0)).sum().backward();
      float[] expected = new float[5 * 6];
      for (int row = 3; row < 5; row++) {
        expected[6 * row + 4] = 3;
        expected[6 * row + 5] = 3;
      }
      assertArrayEquals(expected, HostTensors.toFloats(rows.grad()));
    }
  }
}
