package org.equipoise.mbpo.command;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.equipoise.mbpo.config.RunSettings;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.run.RunFolder;
import org.equipoise.mbpo.storage.StorageException;
import org.jspecify.annotations.Nullable;

/**
 * Where a command writes, seen from what it reads: an input is never an output. Links and other
 * spellings of a path are seen through.
 */
final class OutputPlace {
  private final RunSettings settings;
  private final Map<String, Path> inputs = new LinkedHashMap<>();

  /** With the model that the settings name. */
  OutputPlace(RunSettings settings) {
    this.settings = settings;
    reads("model.folder", "model.adapter");
  }

  /** Inputs more, by the keys of their settings. */
  OutputPlace reads(String... keys) {
    for (String key : keys) {
      input(key, settings.path(key));
    }
    return this;
  }

  /** One input more. */
  OutputPlace input(String name, @Nullable Path path) {
    if (path != null) {
      inputs.put(name, path);
    }
    return this;
  }

  /**
   * Refuses a run's folder that is somebody else's, or whose files that are written are inputs.
   *
   * @param written files and sub-folders that the command writes there
   */
  void requireRunFolder(Path folder, String... written) {
    requireApart(folder, Arrays.stream(written).map(folder::resolve).toList());
    RunFolder.requireOurs(folder);
  }

  /** Refuses images that lie in folders which the command writes to. */
  static void requireImagesApart(Path folder, Stream<ImageSource> images, String... written) {
    List<Path> outputs = Arrays.stream(written).map(n -> real(folder.resolve(n))).toList();
    Map<Path, Path> places = new HashMap<>();
    images
        .flatMap(image -> image.path().stream())
        .forEach(
            image -> {
              Path parent = image.toAbsolutePath().getParent();
              Path place = places.computeIfAbsent(parent, OutputPlace::real);
              if (outputs.stream().anyMatch(place::startsWith)) {
                throw refused(folder, "an image", image, "which would be written to");
              }
            });
  }

  /** Refuses a file that is an input, or lies in the folder of one. */
  void requireFile(Path file) {
    requireApart(file, List.of(file));
  }

  private void requireApart(Path out, List<Path> outputs) {
    inputs.forEach(
        (name, input) -> {
          for (Path output : outputs) {
            if (real(input).startsWith(real(output))) {
              throw refused(out, name, input, "which would be written to");
            }
          }
          if (Files.isDirectory(input) && real(out).startsWith(real(input))) {
            throw refused(out, name, input, "into which nothing is written");
          }
        });
  }

  private static IllegalArgumentException refused(
      Path out, String name, Path input, String reason) {
    return new IllegalArgumentException(
        "--out "
            + out
            + ": "
            + name
            + " is "
            + input
            + ", "
            + reason
            + "; choose another folder for --out");
  }

  /** What a path leads to, or would lead to if it were there. */
  private static Path real(Path path) {
    Path absolute = path.toAbsolutePath().normalize();
    try {
      if (Files.exists(absolute)) {
        return absolute.toRealPath();
      }
    } catch (IOException e) {
      throw StorageException.of("read", absolute, e);
    }
    Path parent = absolute.getParent();
    return parent == null ? absolute : real(parent).resolve(absolute.getFileName());
  }
}
