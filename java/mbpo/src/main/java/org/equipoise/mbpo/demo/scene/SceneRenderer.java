package org.equipoise.mbpo.demo.scene;

import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.random.KeyedRandom;

/**
 * Draws a {@link Scene}: a bilinear gradient between four random corner colours, the sprites over
 * it, Gaussian pixel noise, rounded to 8 bits. Stateless; safe for concurrent use.
 */
public final class SceneRenderer {
  /** Edge of the image in pixels. */
  public static final int SIZE = 2 * SceneComposer.CELL;

  private static final double DARKEST_CORNER = 0.25;
  private static final double BRIGHTEST_CORNER = 0.95;
  private static final double NOISE_SIGMA = 0.03;

  private static final KeyedRandom BACKGROUND = KeyedRandom.of(0, "scene-background");

  private SceneRenderer() {}

  public static RgbImage render(Scene scene) {
    RandomCursor random = new RandomCursor(BACKGROUND, scene.backgroundKey());
    float[] planes = background(random);
    for (PlacedObject sprite : scene.placed()) {
      draw(planes, sprite);
    }
    byte[] codes = new byte[planes.length];
    for (int i = 0; i < codes.length; i++) {
      double value = planes[i] + NOISE_SIGMA * random.gaussian();
      codes[i] = (byte) Math.round(255 * Math.max(0, Math.min(1, value)));
    }
    return new RgbImage(SIZE, SIZE, codes);
  }

  private static float[] background(RandomCursor random) {
    float[] planes = new float[3 * SIZE * SIZE];
    for (int channel = 0; channel < 3; channel++) {
      double[] corner = new double[4];
      for (int i = 0; i < 4; i++) {
        corner[i] = DARKEST_CORNER + (BRIGHTEST_CORNER - DARKEST_CORNER) * random.uniform();
      }
      for (int y = 0; y < SIZE; y++) {
        double down = y / (SIZE - 1.0);
        for (int x = 0; x < SIZE; x++) {
          double right = x / (SIZE - 1.0);
          double upper = corner[0] + right * (corner[1] - corner[0]);
          double lower = corner[2] + right * (corner[3] - corner[2]);
          planes[(channel * SIZE + y) * SIZE + x] = (float) (upper + down * (lower - upper));
        }
      }
    }
    return planes;
  }

  private static void draw(float[] planes, PlacedObject sprite) {
    float[] source = SpriteSheet.premultiplied(sprite.object(), sprite.size());
    int size = sprite.size();
    for (int y = 0; y < size; y++) {
      for (int x = 0; x < size; x++) {
        int from = 4 * (y * size + x);
        float transparency = 1 - source[from + 3];
        for (int channel = 0; channel < 3; channel++) {
          int to = (channel * SIZE + sprite.top() + y) * SIZE + sprite.left() + x;
          planes[to] = source[from + channel] + transparency * planes[to];
        }
      }
    }
  }
}
