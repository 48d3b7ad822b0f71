package org.equipoise.mbpo.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.storage.StorageException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageFilesTest {
  @TempDir Path folder;

  private static RgbImage noise(int width, int height) {
    byte[] planes = new byte[3 * width * height];
    KeyedRandom random = KeyedRandom.of(1, "image");
    for (int i = 0; i < planes.length; i++) {
      planes[i] = (byte) random.bits(0, 0, i);
    }
    return new RgbImage(width, height, planes);
  }

  @Test
  void pngHoldsEveryByteAndJavaReadsTheSamePixels() throws IOException {
    RgbImage image = noise(13, 7);
    Path file = folder.resolve("sub/noise.png");
    ImageFiles.writePng(file, image);
    assertArrayEquals(image.planes(), ImageFiles.read(file).planes());
    BufferedImage other = ImageIO.read(file.toFile());
    for (int y = 0; y < 7; y++) {
      for (int x = 0; x < 13; x++) {
        int at = y * 13 + x;
        int expected =
            (image.planes()[at] & 0xff) << 16
                | (image.planes()[91 + at] & 0xff) << 8
                | image.planes()[182 + at] & 0xff;
        assertEquals(expected, other.getRGB(x, y) & 0xffffff);
      }
    }
  }

  @Test
  void jpegIsDecoded() throws IOException {
    BufferedImage red = new BufferedImage(16, 8, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 128; i++) {
      red.setRGB(i % 16, i / 16, 0xff0000);
    }
    Path file = folder.resolve("red.jpg");
    ImageIO.write(red, "jpg", file.toFile());
    RgbImage image = ImageFiles.read(file);
    assertEquals(16, image.width());
    assertTrue((image.planes()[0] & 0xff) > 240, "red channel first");
    assertTrue((image.planes()[128] & 0xff) < 15, "green channel second");
  }

  @Test
  void errorsNameTheFile() throws IOException {
    Path missing = folder.resolve("missing.png");
    assertTrue(
        assertThrows(StorageException.class, () -> ImageFiles.read(missing))
            .getMessage()
            .contains("missing.png: no such file"));
    Path text = folder.resolve("text.png");
    Files.writeString(text, "this is not an image");
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> ImageFiles.read(text));
    assertTrue(
        refused.getMessage().contains("text.png: expected PNG or JPEG data, found 20 bytes"),
        refused.getMessage());
    Path cut = folder.resolve("cut.png");
    byte[] whole = ImageFiles.encodePng(noise(32, 32));
    Files.write(cut, Arrays.copyOf(whole, 40));
    assertThrows(IllegalArgumentException.class, () -> ImageFiles.read(cut));
    Path empty = folder.resolve("empty.png");
    Files.createFile(empty);
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> ImageFiles.read(empty))
            .getMessage()
            .contains("the file is empty"));
  }

  /** Cut in its pixel data: half an image must not pass for a whole one. */
  @Test
  void truncatedPixelsAreRefused() throws IOException {
    byte[] png = ImageFiles.encodePng(noise(64, 64));
    BufferedImage picture = ImageIO.read(new ByteArrayInputStream(png));
    ByteArrayOutputStream jpeg = new ByteArrayOutputStream();
    ImageIO.write(picture, "jpg", jpeg);
    for (byte[] whole : List.of(png, jpeg.toByteArray())) {
      assertEquals(64, ImageFiles.decode(whole, "whole").width());
      byte[] half = Arrays.copyOf(whole, whole.length / 2);
      String message =
          assertThrows(IllegalArgumentException.class, () -> ImageFiles.decode(half, "half.img"))
              .getMessage();
      assertTrue(message.contains("half.img") && message.contains("cut off"), message);
    }
  }
}
