package org.equipoise.mbpo.demo.model;

import org.equipoise.mbpo.demo.scene.SceneRenderer;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.ImageProcessor;

/** Scenes are drawn at the size the model sees; an image of another size is refused. */
final class SmallImageProcessor implements ImageProcessor {
  static final SmallImageProcessor INSTANCE = new SmallImageProcessor();

  private SmallImageProcessor() {}

  @Override
  public RgbImage resize(RgbImage image) {
    int size = SceneRenderer.SIZE;
    if (image.width() == size && image.height() == size) {
      return image;
    }
    throw new IllegalArgumentException(
        "the small model sees "
            + size
            + "x"
            + size
            + " images, found "
            + image.width()
            + "x"
            + image.height());
  }

  @Override
  public float[] mean() {
    return new float[] {0.5f, 0.5f, 0.5f};
  }

  @Override
  public float[] standardDeviation() {
    return new float[] {0.25f, 0.25f, 0.25f};
  }
}
