package org.equipoise.mbpo.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Images made to fill the memory or to keep a decoder busy: refused by their headers. */
class HostileImagesTest {
  private static final Duration LONGEST = Duration.ofSeconds(30);

  private static String refusal(byte[] image) {
    return assertTimeoutPreemptively(
        LONGEST,
        () ->
            assertThrows(
                    IllegalArgumentException.class, () -> ImageFiles.decode(image, "strange.img"))
                .getMessage());
  }

  private static void assertRefused(byte[] image, String found) {
    String message = refusal(image);
    assertTrue(message.contains("strange.img") && message.contains(found), message);
  }

  private static void assertTooLarge(byte[] image, String size) {
    assertRefused(image, "expected an image of at most 89478485 pixels, found " + size + ";");
  }

  private static byte[] bytes(String latin1) {
    return latin1.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static byte[] join(byte[]... parts) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    Arrays.stream(parts).forEach(all::writeBytes);
    return all.toByteArray();
  }

  private static byte[] resource(String name) throws IOException {
    try (var stream = HostileImagesTest.class.getResourceAsStream(name)) {
      return stream.readAllBytes();
    }
  }

  private static byte[] chunk(String name, byte[] data) {
    byte[] named = join(bytes(name), data);
    CRC32 checksum = new CRC32();
    checksum.update(named);
    return join(
        ByteBuffer.allocate(4).putInt(data.length).array(),
        named,
        ByteBuffer.allocate(4).putInt((int) checksum.getValue()).array());
  }

  private static byte[] header(int width, int height, int depth, int colours) {
    ByteBuffer data = ByteBuffer.allocate(13).putInt(width).putInt(height);
    return chunk("IHDR", data.put((byte) depth).put((byte) colours).array());
  }

  private static byte[] zeros(long length) throws IOException {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    Deflater fast = new Deflater(1);
    try (DeflaterOutputStream deflater = new DeflaterOutputStream(packed, fast, 1 << 16)) {
      byte[] piece = new byte[1 << 16];
      for (long left = length; left > 0; left -= piece.length) {
        deflater.write(piece, 0, (int) Math.min(piece.length, left));
      }
    }
    fast.end();
    return packed.toByteArray();
  }

  private static byte[] png(byte[]... chunks) {
    return join(bytes("\u0089PNG\r\n\u001a\n"), join(chunks), chunk("IEND", new byte[0]));
  }

  /** 16x16 black pixels between other chunks. */
  private static byte[] black(byte[] before, byte[] after) throws IOException {
    byte[] pixels = chunk("IDAT", zeros((3 * 16 + 1) * 16));
    return png(header(16, 16, 8, 2), before, pixels, after);
  }

  @Test
  void fortyThreeBytesOfGif() {
    byte[] small =
        bytes(
            "GIF89a\u0001\0\u0001\0\u0080\0\0\u0001\u0002\u0003\u00ff\u00ff\u00ff!\u00f9\u0004\0\0"
                + "\0\0\0,\0\0\0\0\u0001\0\u0001\0\0\u0002\u0002D\u0001\0;");
    assertEquals(43, small.length);
    assertArrayEquals(new byte[] {1, 2, 3}, ImageFiles.decode(small, "small.gif").planes());
    byte[] screen = small.clone();
    Arrays.fill(screen, 6, 10, (byte) 0x7d);
    assertRefused(screen, "a GIF of 32125x32125 pixels whose first image has 1x1");
    byte[] both = screen.clone();
    Arrays.fill(both, 32, 36, (byte) 0x7d);
    assertTooLarge(both, "32125x32125");
    byte[] frame = small.clone();
    Arrays.fill(frame, 32, 36, (byte) 0x7d);
    assertRefused(frame, "a GIF of 1x1 pixels whose first image has 32125x32125");
  }

  @Test
  void pngsOfManyPixels() {
    assertTooLarge(png(header(32_000, 32_000, 8, 0)), "32000x32000");
    int most = Integer.MAX_VALUE;
    assertTooLarge(png(header(most, most, 16, 6)), most + "x" + most);
    assertRefused(
        png(header(9000, 9000, 8, 2), chunk("IDAT", new byte[9])),
        "a PNG that is cut off or damaged");
    assertRefused(png(header(-1, 1, 8, 2)), "a PNG of the size -1x1");
    assertRefused(png(header(0, 1, 8, 2)), "a PNG of the size 0x1");
    assertRefused(png(header(1, 1, 8, 5)), "a PNG of an unknown kind of pixels");
    assertRefused(png(header(1, 1, 8, 2), header(9, 9, 8, 2)), "a PNG with two headers");
    assertRefused(png(chunk("IDAT", new byte[4])), "a PNG that is cut off or damaged");
  }

  /** They are no part of the pixels, and no decoder sees them. */
  @ParameterizedTest
  @ValueSource(strings = {"zTXt", "iTXt", "iCCP", "fdAT", "tEXt"})
  void chunksThatAreNoPixels(String name) throws IOException {
    byte[] extra = chunk(name, join(bytes("a\0\u0001\0\0\0"), zeros(1 << 26)));
    RgbImage image =
        assertTimeoutPreemptively(
            LONGEST, () -> ImageFiles.decode(black(extra, extra), "texts.png"));
    assertArrayEquals(new byte[3 * 16 * 16], image.planes());
  }

  @Test
  void pixelsBehindThePixels() throws IOException {
    byte[] much = chunk("IDAT", zeros(1 << 28));
    assertRefused(png(header(16, 16, 8, 2), much), "a PNG with more pixels than its header says");
    assertRefused(black(chunk("JUNK", new byte[1]), new byte[0]), "the unknown chunk JUNK");
  }

  /** The image that stands for the animation. */
  @Test
  void animatedPng() throws IOException {
    byte[] animation = chunk("acTL", ByteBuffer.allocate(8).putInt(9).putInt(0).array());
    byte[] frame = chunk("fcTL", new byte[26]);
    RgbImage image = ImageFiles.decode(black(join(animation, frame), new byte[0]), "moving.png");
    assertEquals(16, image.width());
  }

  /** Where the first marker of a kind is. */
  private static int marker(byte[] jpeg, int marker) {
    int at = 2;
    while ((jpeg[at + 1] & 0xff) != marker) {
      at += 2 + ((jpeg[at + 2] & 0xff) << 8 | jpeg[at + 3] & 0xff);
    }
    return at;
  }

  @Test
  void jpegsOfManyPixels() throws IOException {
    byte[] jpeg = resource("sizes/baseline.jpg");
    int frame = marker(jpeg, 0xc0);
    byte[] huge = jpeg.clone();
    Arrays.fill(huge, frame + 5, frame + 9, (byte) 0xff);
    assertTooLarge(huge, "65535x65535");
    byte[] none = jpeg.clone();
    Arrays.fill(none, frame + 5, frame + 7, (byte) 0);
    assertRefused(none, "a JPEG of the size 37x0");
    byte[] header = Arrays.copyOfRange(huge, frame, frame + 19);
    byte[] twice =
        join(Arrays.copyOf(jpeg, frame), header, Arrays.copyOfRange(jpeg, frame, jpeg.length));
    assertRefused(twice, "a JPEG with two headers of its pixels");
    byte[] second =
        join(
            Arrays.copyOf(jpeg, frame + 19),
            header,
            Arrays.copyOfRange(jpeg, frame + 19, jpeg.length));
    assertRefused(second, "a JPEG with two headers of its pixels");
  }

  @ParameterizedTest
  @CsvSource({
    "0xc3, lossless",
    "0xc5, lossless or hierarchical",
    "0xc9, arithmetic",
    "0xca, arithmetic",
    "0xcc, arithmetic",
    "0x40, cut off or damaged",
    "0xd8, cut off or damaged"
  })
  void jpegsOfOtherCodings(int marker, String found) throws IOException {
    byte[] jpeg = resource("sizes/baseline.jpg");
    jpeg[marker(jpeg, 0xc0) + 1] = (byte) marker;
    assertRefused(jpeg, found);
  }

  @Test
  void jpegOfTwelveBits() throws IOException {
    byte[] jpeg = resource("sizes/baseline.jpg");
    jpeg[marker(jpeg, 0xc0) + 4] = 12;
    assertRefused(jpeg, "a JPEG with 12 bits a colour");
  }

  /** Ten bytes each, and every one goes over the whole image. */
  @Test
  void jpegOfManyScans() throws IOException {
    byte[] jpeg = resource("sizes/progressive.jpg");
    byte[] scan = bytes("\u00ff\u00da\0\b\u0001\u0001\0\u0001?\u0010");
    ByteArrayOutputStream many = new ByteArrayOutputStream();
    many.write(jpeg, 0, jpeg.length - 2);
    for (int i = 0; i < 2000; i++) {
      many.write(scan);
    }
    many.write(jpeg, jpeg.length - 2, 2);
    assertRefused(many.toByteArray(), "a JPEG of 1001 scans or more");
    byte[] large = many.toByteArray();
    int frame = marker(large, 0xc2);
    ByteBuffer.wrap(large).putShort(frame + 5, (short) 8000).putShort(frame + 7, (short) 8000);
    assertRefused(large, "a JPEG of 34 scans or more");
  }

  private static byte[] webp(String chunks) {
    byte[] content = bytes("WEBP" + chunks);
    ByteBuffer file = ByteBuffer.allocate(8 + content.length).order(ByteOrder.LITTLE_ENDIAN);
    return file.put(bytes("RIFF")).putInt(content.length).put(content).array();
  }

  @Test
  void webps() throws IOException {
    String lossless = "VP8L\n\0\0\0/\u00ff\u00ff\u00ff\17\0\0\0\0\0";
    assertTooLarge(webp(lossless), "16384x16384");
    String canvas = "VP8X\n\0\0\0\0\0\0\0\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff";
    assertRefused(webp(canvas + lossless), "of another size than its header says");
    assertRefused(webp(canvas), "a WebP that is cut off");
    assertRefused(webp("VP8X\n\0\0\0\u0002\0\0\0\17\0\0\17\0\0"), "an animated WebP");
    assertRefused(webp("VP8 \u00ff\u00ff\u00ff\u00ff" + "\0".repeat(20)), "a WebP of the size 0x0");
    assertRefused(webp("JUNK\u00ff\u00ff\u00ff\u00ff" + "\0".repeat(20)), "cut off");
  }

  private static byte[] bmp(int width, int height, int compression) {
    ByteBuffer file = ByteBuffer.allocate(200).order(ByteOrder.LITTLE_ENDIAN);
    file.put(bytes("BM"))
        .putInt(2, 200)
        .putInt(10, 54)
        .putInt(14, 40)
        .putInt(18, width)
        .putInt(22, height);
    return file.putShort(26, (short) 1).putShort(28, (short) 24).putInt(30, compression).array();
  }

  @Test
  void bmps() {
    assertTooLarge(bmp(60_000, -60_000, 0), "60000x60000");
    assertRefused(bmp(1, Integer.MIN_VALUE, 0), "a BMP of the size 1x2147483648");
    assertRefused(bmp(-5, 5, 0), "a BMP of the size -5x5");
    assertRefused(bmp(4, 4, 5), "a BMP with a file of another kind inside");
    assertEquals(4, ImageFiles.decode(bmp(4, -4, 0), "small.bmp").height());
  }

  /** Changes a tag of a little-endian TIFF. */
  private static byte[] tiff(String name, int tag, int value) throws IOException {
    byte[] tiff = resource(name);
    ByteBuffer file = ByteBuffer.wrap(tiff).order(ByteOrder.LITTLE_ENDIAN);
    int first = file.getInt(4);
    for (int i = 0; i < file.getShort(first); i++) {
      int at = first + 2 + 12 * i;
      if (file.getShort(at) == tag) {
        // Other types than those of the standard are passed over.
        boolean size = tag == 256 || tag == 257 || tag == 279;
        file.putShort(at + 2, (short) (size ? 4 : 3)).putInt(at + 4, 1).putInt(at + 8, value);
        return tiff;
      }
    }
    throw new IllegalArgumentException(name + " has no tag " + tag);
  }

  @Test
  void tiffs() throws IOException {
    assertRefused(tiff("rgba-deflate.tif", 256, 1 << 30), "found 1073741824x4");
    assertRefused(tiff("rgb.tif", 256, 1 << 20), "a TIFF that is cut off");
    assertRefused(tiff("rgba-deflate.tif", 257, -1), "a TIFF of the size 6x4294967295");
    assertRefused(tiff("rgb.tif", 259, 7), "a TIFF of the compression 7");
    assertRefused(tiff("rgb.tif", 277, 9), "a TIFF of 9 channels");
    assertRefused(tiff("rgb.tif", 258, 16), "of 3 channels of 16 bits");
    assertRefused(tiff("rgba-deflate.tif", 279, Integer.MAX_VALUE), "a TIFF that is cut off");
    assertRefused(bytes("II+\0\b\0\0\0" + "\0".repeat(40)), "a BigTIFF");
  }

  /** What OpenCV would have decoders for, old ones among them: none of them is asked. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "v/1\u0001\u0002\0\0\0",
        "\0\0\0\fjP  \r\n\u0087\n",
        "\u00ff\u004f\u00ff\u0051",
        "#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 40000 +X 40000\n",
        "P5\n60000 60000\n255\n",
        "P7\nWIDTH 60000\nHEIGHT 60000\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n",
        "PF\n60000 60000\n-1.0\n",
        "Y\u00a6j\u0095\0\0\u00ea`\0\0\u00ea`\0\0\0\u0018",
        "\0\0\0\u001cftypavif\0\0\0\0avifmif1miaf"
      })
  void otherKindsReachNoDecoder(String start) {
    String message = refusal(bytes(start + "x".repeat(100)));
    assertTrue(
        message.matches(
            "(?s).*found (a JPEG 2000|an OpenEXR image|a Radiance HDR image"
                + "|an image of the kind avif|\\d+ bytes that begin as none of these);.*"),
        message);
  }

  @Test
  void theLimitIsASetting() throws IOException {
    byte[] png = resource("sizes/grey.png");
    java.nio.file.Path file = java.nio.file.Files.createTempFile("grey", ".png");
    try {
      java.nio.file.Files.write(file, png);
      assertEquals(37, ImageFiles.read(file, 37 * 23).width());
      for (Runnable reader :
          new Runnable[] {
            () -> ImageFiles.read(file, 37 * 23 - 1),
            () -> ImageFiles.size(file, 37 * 23 - 1),
            () -> ImageSource.of(file, 37 * 23 - 1).load()
          }) {
        assertTrue(
            assertThrows(IllegalArgumentException.class, reader::run)
                .getMessage()
                .contains("at most 850 pixels, found 37x23; make it smaller, or raise"));
      }
    } finally {
      java.nio.file.Files.delete(file);
    }
  }
}
