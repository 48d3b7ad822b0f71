package org.equipoise.mbpo.image;

import java.util.List;
import java.util.function.UnaryOperator;

/** The images of one question, in the order in which the prompt has them; none of text alone. */
public record Images(List<RgbImage> all) {
  public Images {
    all = List.copyOf(all);
  }

  public static Images of(RgbImage only) {
    return new Images(List.of(only));
  }

  /** Decodes or draws images. */
  public static Images load(List<ImageSource> sources) {
    return new Images(sources.stream().map(ImageSource::load).toList());
  }

  /** Every image changed in the same way. */
  public Images map(UnaryOperator<RgbImage> change) {
    return new Images(all.stream().map(change).toList());
  }

  /** As sources that hold the images in memory. */
  public List<ImageSource> sources() {
    return all.stream().map(ImageSource::of).toList();
  }

  /**
   * The image of a question that has one.
   *
   * @throws IllegalStateException if there are several or none
   */
  public RgbImage only() {
    if (all.size() != 1) {
      throw new IllegalStateException("expected one image, found " + all.size());
    }
    return all.get(0);
  }
}
