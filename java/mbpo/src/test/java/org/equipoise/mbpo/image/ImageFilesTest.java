package org.equipoise.mbpo.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.storage.StorageException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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
        refused
            .getMessage()
            .contains("text.png: expected PNG, JPEG, WebP, TIFF, BMP or GIF, found 20 bytes"),
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
            .contains("found an empty file"));
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

  /** Phones append a video or a second picture; its bytes are no part of the image. */
  @Test
  void whatFollowsAnImageIsNoPartOfIt() throws IOException {
    byte[] png = ImageFiles.encodePng(noise(64, 64));
    byte[] video = new byte[300_000];
    for (int i = 0; i < video.length; i++) {
      video[i] = (byte) (i * 31 % 253);
    }
    for (byte[] whole : List.of(png, jpeg(png))) {
      byte[] motion = Arrays.copyOf(whole, whole.length + video.length);
      System.arraycopy(video, 0, motion, whole.length, video.length);
      assertArrayEquals(
          ImageFiles.decode(whole, "photo").planes(), ImageFiles.decode(motion, "motion").planes());
    }
  }

  /** The thumbnail in a camera's JPEG has an end marker of its own. */
  @Test
  void aThumbnailsEndIsNotTheImages() throws IOException {
    byte[] thumbnail = jpeg(ImageFiles.encodePng(noise(16, 16)));
    byte[] photo = jpeg(ImageFiles.encodePng(noise(128, 128)));
    ByteArrayOutputStream camera = new ByteArrayOutputStream();
    camera.write(photo, 0, 2);
    int length = thumbnail.length + 2;
    camera.write(new byte[] {(byte) 0xff, (byte) 0xe1, (byte) (length >> 8), (byte) length});
    camera.write(thumbnail);
    camera.write(photo, 2, photo.length - 2);
    byte[] whole = camera.toByteArray();
    assertEquals(128, ImageFiles.decode(whole, "whole").width());
    assertTrue(whole.length < 1 << 16, "the thumbnail is near the end");
    byte[] cut = Arrays.copyOf(whole, whole.length - photo.length / 2);
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> ImageFiles.decode(cut, "cut.jpg"))
            .getMessage()
            .contains("a JPEG that is cut off"));
  }

  private static byte[] jpeg(byte[] png) throws IOException {
    ByteArrayOutputStream jpeg = new ByteArrayOutputStream();
    ImageIO.write(ImageIO.read(new ByteArrayInputStream(png)), "jpg", jpeg);
    return jpeg.toByteArray();
  }

  /** Colours under an alpha channel are Pillow's, not multiplied by it. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "rgba",
        "rgba-deflate",
        "rgba-multiplied",
        "grey-alpha",
        "rgb",
        "cmyk",
        "palette",
        "one-bit"
      })
  void tiffHasPillowsColours(String name) {
    assertArrayEquals(resource(name + ".png").planes(), resource(name + ".tif").planes());
  }

  private static RgbImage resource(String name) {
    try (var stream = ImageFilesTest.class.getResourceAsStream(name)) {
      return ImageFiles.decode(stream.readAllBytes(), name);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Sizes are told by headers; those of all kinds are the decoded ones. */
  @ParameterizedTest
  @ValueSource(strings = {"sample.webp", "lossless.webp", "alpha.webp", "sample.gif", "rgb.tif"})
  void sizesWithoutDecoding(String name) throws Exception {
    Path file = Path.of(ImageFilesTest.class.getResource(name).toURI());
    assertEquals(new ImageSize(6, 4), ImageFiles.size(file));
    RgbImage image = ImageFiles.read(file);
    byte[] png = ImageFiles.encodePng(noise(70, 30));
    for (byte[] whole : List.of(png, jpeg(png))) {
      assertEquals(
          new ImageSize(70, 30), ImageFiles.size(Files.write(folder.resolve("image"), whole)));
    }
    assertEquals(6, image.width());
  }

  /** A byte that flipped in the middle of a PNG. */
  @Test
  void damagedPixelsAreRefused() throws IOException {
    byte[] png = ImageFiles.encodePng(noise(64, 64));
    png[png.length / 2] ^= 1;
    Path file = Files.write(folder.resolve("flipped.png"), png);
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> ImageFiles.size(file))
            .getMessage()
            .contains("flipped.png: expected PNG"));
    assertThrows(IllegalArgumentException.class, () -> ImageFiles.read(file));
  }

  /** Every kind that messages name is read. */
  @ParameterizedTest
  @ValueSource(strings = {"sample.webp", "sample.gif", "sample.bmp"})
  void otherKindsAreRead(String name) {
    RgbImage image = resource(name);
    assertEquals(6, image.width());
    assertEquals(4, image.height());
  }

  @Test
  void otherFilesAreCalledWhatTheyAre() {
    assertFound("a pointer of Git LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:0");
    assertFound("a web page", "<!DOCTYPE html><html><body>404</body></html>");
    assertFound("an image of the kind heic", "\0\0\0\u0018ftypheic\0\0\0\0mif1heic");
    assertFound("XML or SVG", "<svg xmlns='http://www.w3.org/2000/svg'/>");
    assertFound("a GIF that is cut off", "GIF87a" + "???");
  }

  private static void assertFound(String expected, String content) {
    byte[] bytes = content.getBytes(StandardCharsets.ISO_8859_1);
    String message =
        assertThrows(IllegalArgumentException.class, () -> ImageFiles.decode(bytes, "file.jpg"))
            .getMessage();
    assertTrue(message.contains("found " + expected), message);
    assertTrue(message.contains("PNG, JPEG, WebP"), message);
  }
}
