package org.equipoise.mbpo.demo.scene;

import static org.bytedeco.opencv.global.opencv_imgcodecs.IMREAD_UNCHANGED;
import static org.bytedeco.opencv.global.opencv_imgcodecs.imdecode;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.opencv.opencv_core.Mat;
import org.equipoise.mbpo.image.OpenCv;

/**
 * The sprites in every size a scene uses, decoded once from the PNG resources. Resizing averages
 * premultiplied colours over the exact source area, in plain Java, so that a scene has the same
 * bytes on every machine.
 */
final class SpriteSheet {
  private static final int SOURCE_SIZE = 64;
  private static final int SIZES = SceneComposer.LARGEST_SPRITE - SceneComposer.SMALLEST_SPRITE + 1;
  private static final float[][][] SPRITES = load();

  private SpriteSheet() {}

  /** Premultiplied R, G, B and alpha in [0, 1], interleaved, row by row. The array is shared. */
  static float[] premultiplied(SceneObject object, int size) {
    return SPRITES[object.ordinal()][size - SceneComposer.SMALLEST_SPRITE];
  }

  private static float[][][] load() {
    OpenCv.require();
    float[][][] sprites = new float[SceneObject.all().size()][SIZES][];
    for (SceneObject object : SceneObject.all()) {
      float[] source = decode(object);
      for (int i = 0; i < SIZES; i++) {
        sprites[object.ordinal()][i] = resize(source, SceneComposer.SMALLEST_SPRITE + i);
      }
    }
    return sprites;
  }

  private static float[] decode(SceneObject object) {
    String name = "/org/equipoise/mbpo/demo/sprites/" + object.codepoint() + ".png";
    byte[] file;
    try (InputStream stream = SpriteSheet.class.getResourceAsStream(name)) {
      if (stream == null) {
        throw new IllegalStateException("sprite " + name + " is missing from the class path");
      }
      file = stream.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read sprite " + name, e);
    }
    try (BytePointer bytes = new BytePointer(file);
        Mat encoded =
            new Mat(1, file.length, org.bytedeco.opencv.global.opencv_core.CV_8UC1, bytes);
        Mat image = imdecode(encoded, IMREAD_UNCHANGED)) {
      if (image.rows() != SOURCE_SIZE || image.cols() != SOURCE_SIZE || image.channels() != 4) {
        throw new IllegalStateException(
            "sprite "
                + name
                + " must be a 64x64 PNG with alpha, found "
                + image.cols()
                + "x"
                + image.rows()
                + " with "
                + image.channels()
                + " channels");
      }
      byte[] blueGreenRedAlpha = new byte[4 * SOURCE_SIZE * SOURCE_SIZE];
      image.data().get(blueGreenRedAlpha);
      return premultiply(blueGreenRedAlpha);
    }
  }

  private static float[] premultiply(byte[] blueGreenRedAlpha) {
    float[] values = new float[blueGreenRedAlpha.length];
    for (int i = 0; i < values.length; i += 4) {
      float alpha = (blueGreenRedAlpha[i + 3] & 0xff) / 255f;
      for (int channel = 0; channel < 3; channel++) {
        values[i + channel] = alpha * (blueGreenRedAlpha[i + 2 - channel] & 0xff) / 255f;
      }
      values[i + 3] = alpha;
    }
    return values;
  }

  /** Area average: each target pixel is the mean over the source rectangle it covers. */
  private static float[] resize(float[] source, int size) {
    double scale = (double) SOURCE_SIZE / size;
    float[] target = new float[4 * size * size];
    for (int y = 0; y < size; y++) {
      for (int x = 0; x < size; x++) {
        double[] sum = new double[4];
        for (int v = (int) (y * scale);
            v < Math.min(SOURCE_SIZE, Math.ceil((y + 1) * scale));
            v++) {
          double height = Math.min(v + 1, (y + 1) * scale) - Math.max(v, y * scale);
          for (int u = (int) (x * scale);
              u < Math.min(SOURCE_SIZE, Math.ceil((x + 1) * scale));
              u++) {
            double area = height * (Math.min(u + 1, (x + 1) * scale) - Math.max(u, x * scale));
            for (int channel = 0; channel < 4; channel++) {
              sum[channel] += area * source[4 * (v * SOURCE_SIZE + u) + channel];
            }
          }
        }
        for (int channel = 0; channel < 4; channel++) {
          target[4 * (y * size + x) + channel] = (float) (sum[channel] / (scale * scale));
        }
      }
    }
    return target;
  }
}
