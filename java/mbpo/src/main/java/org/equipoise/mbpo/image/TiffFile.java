package org.equipoise.mbpo.image;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.util.Set;
import javax.imageio.metadata.IIOInvalidTreeException;
import javax.imageio.metadata.IIOMetadata;
import javax.imageio.plugins.tiff.BaselineTIFFTagSet;
import javax.imageio.plugins.tiff.TIFFDirectory;
import javax.imageio.plugins.tiff.TIFFField;
import javax.imageio.plugins.tiff.TIFFTag;
import org.jspecify.annotations.Nullable;

/**
 * The first image of a TIFF: grey, colours or a palette, 8 bits each or one. Colours under an alpha
 * channel are taken as they were before, as Pillow has them, and the alpha is dropped.
 */
final class TiffFile implements EncodedImage {
  private static final String KIND = "a TIFF";
  private static final int OPAQUE = 255;
  private static final int COLOUR_PROFILE = 34675;
  private static final int ADOBE_DEFLATE = 32946;
  private static final int CMYK = BaselineTIFFTagSet.PHOTOMETRIC_INTERPRETATION_CMYK;

  private static final int PALETTE = BaselineTIFFTagSet.PHOTOMETRIC_INTERPRETATION_PALETTE_COLOR;

  /** No JPEG, which is another decoder's. */
  private static final Set<Integer> COMPRESSIONS =
      Set.of(
          BaselineTIFFTagSet.COMPRESSION_NONE,
          BaselineTIFFTagSet.COMPRESSION_CCITT_RLE,
          BaselineTIFFTagSet.COMPRESSION_CCITT_T_4,
          BaselineTIFFTagSet.COMPRESSION_CCITT_T_6,
          BaselineTIFFTagSet.COMPRESSION_LZW,
          BaselineTIFFTagSet.COMPRESSION_ZLIB,
          ADOBE_DEFLATE,
          BaselineTIFFTagSet.COMPRESSION_PACKBITS);

  private final byte[] bytes;
  private final ImageSize size;
  private final int photometric;
  private final int samples;
  private final int extraSamples;

  /** Red, green and blue of a palette, one after the other, of 16 bits. */
  private final int[] palette;

  TiffFile(byte[] bytes) throws BadImage {
    this.bytes = bytes;
    try (JavaReader reader = new JavaReader(bytes, "tiff", KIND)) {
      TIFFDirectory tags = reader.ask(images -> tags(images.getImageMetadata(0)));
      size =
          reader.ask(
              images ->
                  ImageSize.of(
                      tag(tags, BaselineTIFFTagSet.TAG_IMAGE_WIDTH, 0),
                      tag(tags, BaselineTIFFTagSet.TAG_IMAGE_LENGTH, 0),
                      KIND));
      photometric = (int) tag(tags, BaselineTIFFTagSet.TAG_PHOTOMETRIC_INTERPRETATION, 1);
      samples = (int) tag(tags, BaselineTIFFTagSet.TAG_SAMPLES_PER_PIXEL, 1);
      extraSamples = (int) tag(tags, BaselineTIFFTagSet.TAG_EXTRA_SAMPLES, 0);
      requireRead(tags);
      palette = palette(tags);
    }
  }

  private static TIFFDirectory tags(IIOMetadata metadata) throws IIOInvalidTreeException {
    return TIFFDirectory.createFromMetadata(metadata);
  }

  /** The first value of a tag. */
  private static long tag(TIFFDirectory tags, int number, long absent) {
    TIFFField field = tags.getTIFFField(number);
    return field == null || field.getCount() < 1 ? absent : field.getAsLong(0);
  }

  private void requireRead(TIFFDirectory tags) throws BadImage {
    long bits = tag(tags, BaselineTIFFTagSet.TAG_BITS_PER_SAMPLE, 1);
    boolean indexed = photometric == PALETTE && samples == 1;
    boolean grey = photometric <= 1 && samples <= 2 && (bits == 8 || bits == 1 && samples == 1);
    boolean colours =
        photometric == BaselineTIFFTagSet.PHOTOMETRIC_INTERPRETATION_RGB
            && (samples == 3 || samples == 4)
            && bits == 8;
    boolean inks = photometric == CMYK && samples == 4 && bits == 8;
    if (!(indexed || grey || colours || inks) || bits > 8) {
      throw new BadImage(
          KIND + " of " + samples + " channels of " + bits + " bits, of kind " + photometric);
    }
    long compression = tag(tags, BaselineTIFFTagSet.TAG_COMPRESSION, 1);
    if (!COMPRESSIONS.contains((int) compression)) {
      throw new BadImage(KIND + " of the compression " + compression);
    }
    if (tag(tags, BaselineTIFFTagSet.TAG_ORIENTATION, 1) != 1) {
      throw new BadImage(KIND + " that is turned");
    }
    if (tags.containsTIFFField(COLOUR_PROFILE)) {
      throw new BadImage(KIND + " with a colour profile");
    }
    long bytesOfPixels = size.pixels() * samples * bits / 8;
    if (compression == BaselineTIFFTagSet.COMPRESSION_NONE && bytesOfPixels > bytes.length) {
      throw new BadImage(KIND + " that is cut off, of " + bytes.length + " bytes");
    }
    requireSmallTiles(tags);
    requireInFile(tags.getTIFFField(BaselineTIFFTagSet.TAG_STRIP_BYTE_COUNTS));
    requireInFile(tags.getTIFFField(BaselineTIFFTagSet.TAG_TILE_BYTE_COUNTS));
  }

  /** The reader makes an array of as many bytes as a part of the image says that it has. */
  private void requireInFile(@Nullable TIFFField byteCounts) throws BadImage {
    for (int i = 0; byteCounts != null && i < byteCounts.getCount(); i++) {
      if (byteCounts.getAsLong(i) > bytes.length) {
        throw new BadImage(KIND + " that is cut off, of " + bytes.length + " bytes");
      }
    }
  }

  private int[] palette(TIFFDirectory tags) throws BadImage {
    if (photometric != PALETTE) {
      return new int[0];
    }
    TIFFField colours = tags.getTIFFField(BaselineTIFFTagSet.TAG_COLOR_MAP);
    if (colours == null || colours.getType() != TIFFTag.TIFF_SHORT) {
      throw new BadImage(KIND + " without its palette");
    }
    int[] palette = new int[colours.getCount()];
    for (int i = 0; i < palette.length; i++) {
      palette[i] = colours.getAsInt(i);
    }
    return palette;
  }

  /** The reader makes an array of a tile's size, however small the image is. */
  private void requireSmallTiles(TIFFDirectory tags) throws BadImage {
    long width = tag(tags, BaselineTIFFTagSet.TAG_TILE_WIDTH, 1);
    long height = tag(tags, BaselineTIFFTagSet.TAG_TILE_LENGTH, 1);
    boolean small =
        width > 0
            && height > 0
            && width <= 1 << 16
            && height <= 1 << 16
            && width * height <= Math.max(1 << 20, 4 * size.pixels());
    if (!small) {
      throw new BadImage(KIND + " with tiles of " + width + "x" + height + " pixels");
    }
  }

  @Override
  public ImageSize size() {
    return size;
  }

  @Override
  public boolean hasEnd() {
    return false;
  }

  @Override
  public RgbImage decode() throws BadImage {
    BufferedImage image;
    try (JavaReader reader = new JavaReader(bytes, "tiff", KIND)) {
      image = reader.image();
    }
    return photometric != PALETTE && image.getColorModel() instanceof IndexColorModel
        ? JavaReader.colours(image)
        : channels(image.getRaster());
  }

  private RgbImage channels(Raster raster) {
    int width = raster.getWidth();
    int height = raster.getHeight();
    byte[] planes = new byte[RgbImage.bytes(width, height)];
    int[] pixel = new int[raster.getNumBands()];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        raster.getPixel(x, y, pixel);
        for (int channel = 0; channel < 3; channel++) {
          planes[(channel * height + y) * width + x] = (byte) value(pixel, channel);
        }
      }
    }
    return new RgbImage(width, height, planes);
  }

  private int value(int[] pixel, int channel) {
    if (photometric == PALETTE) {
      // The high byte alone, as Pillow takes it.
      return palette[channel * (palette.length / 3) + pixel[0]] >> 8;
    }
    if (photometric == CMYK) {
      return (OPAQUE - pixel[3]) * (OPAQUE - pixel[channel]) / OPAQUE;
    }
    int colours = samples < 3 ? 1 : 3;
    int value = pixel[Math.min(channel, colours - 1)];
    boolean multiplied =
        samples > colours && extraSamples == BaselineTIFFTagSet.EXTRA_SAMPLES_ASSOCIATED_ALPHA;
    return multiplied && pixel[colours] > 0
        ? Math.min(OPAQUE, OPAQUE * value / pixel[colours])
        : value;
  }
}
