package org.equipoise.mbpo.image;

import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Remembers the image of another source. */
final class CachedImageSource implements ImageSource {
  private final ImageSource source;
  private volatile @Nullable RgbImage image;

  CachedImageSource(ImageSource source) {
    this.source = source;
  }

  @Override
  public RgbImage load() {
    RgbImage loaded = image;
    if (loaded == null) {
      loaded = source.load();
      image = loaded;
    }
    return loaded;
  }

  /** Asked of the other: a fingerprint alone is no reason to keep the image. */
  @Override
  public String fingerprint() {
    return source.fingerprint();
  }

  @Override
  public Optional<Path> path() {
    return source.path();
  }

  @Override
  public ImageSource cached() {
    return this;
  }
}
