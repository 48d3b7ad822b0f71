package org.equipoise.mbpo.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Images of 37x23 pixels that sizes.py wrote, and what is left of them when they are cut. */
class ImageSizeTest {
  private static final ImageSize SIZE = new ImageSize(37, 23);

  @TempDir Path folder;

  private static Path resource(String name) {
    try {
      return Path.of(ImageSizeTest.class.getResource("sizes/" + name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "baseline.jpg",
        "progressive.jpg",
        "turned.jpg",
        "cmyk.jpg",
        "lossy.webp",
        "lossless.webp",
        "extended.webp",
        "palette.png",
        "grey.png",
        "plain.bmp"
      })
  void headersSayWhatDecodingFinds(String name) throws IOException {
    Path file = resource(name);
    assertEquals(SIZE, ImageFiles.size(file));
    RgbImage image = ImageFiles.read(file);
    assertEquals(37 + 23, image.width() + image.height());
    byte[] whole = Files.readAllBytes(file);
    if (!name.endsWith("bmp")) {
      assertCutsAreRefused(name, whole);
    }
  }

  private void assertCutsAreRefused(String name, byte[] whole) throws IOException {
    Path cut = folder.resolve(name);
    for (int length = 0; length < whole.length; length += 1 + whole.length / 200) {
      Files.write(cut, Arrays.copyOf(whole, length));
      String what = name + " cut after " + length;
      IllegalArgumentException refused =
          assertThrows(IllegalArgumentException.class, () -> ImageFiles.size(cut), what);
      assertTrue(refused.getMessage().contains(name), refused.getMessage());
      assertThrows(IllegalArgumentException.class, () -> ImageFiles.read(cut), what);
    }
  }

  /** Whatever follows the end of an image is nobody's business. */
  @Test
  void trailers() throws IOException {
    byte[] whole = Files.readAllBytes(resource("grey.png"));
    Path longer = folder.resolve("longer.png");
    Files.write(longer, Arrays.copyOf(whole, whole.length + 100_000));
    assertEquals(SIZE, ImageFiles.size(longer));
    assertEquals(37, ImageFiles.read(longer).width());
  }
}
