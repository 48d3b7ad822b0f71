package org.equipoise.kernels;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.CodeSource;
import java.util.List;
import java.util.TreeSet;
import java.util.UUID;

/**
 * A list of files that have been unpacked, and of the jars they came from, with sizes and times.
 * Asking JavaCPP which files it would unpack takes a second, looking at those of a list a
 * millisecond.
 */
final class UnpackedFiles {
  private final Path list;

  private UnpackedFiles(Path list) {
    this.list = list;
  }

  /** The list for these classes, as they lie in the jars they were found in. */
  static UnpackedFiles of(Path folder, Class<?>... presets) {
    TreeSet<String> sources = new TreeSet<>();
    for (Class<?> each : presets) {
      CodeSource source = each.getProtectionDomain().getCodeSource();
      sources.add(each.getName() + " " + (source == null ? "" : source.getLocation()));
    }
    UUID name = UUID.nameUUIDFromBytes(sources.toString().getBytes(StandardCharsets.UTF_8));
    return new UnpackedFiles(folder.resolve(name + ".list"));
  }

  /** Whether there is such a list and all its files are as they were. */
  boolean areComplete() {
    try {
      List<String> lines = Files.readAllLines(list);
      for (String line : lines) {
        if (!line.equals(line(Path.of(line.split(" ", 3)[2])))) {
          return false;
        }
      }
      return !lines.isEmpty();
    } catch (IOException | RuntimeException e) {
      // Whatever is wrong with the list: it is written anew.
      return false;
    }
  }

  /** Whole or not at all: others may read it meanwhile. */
  void write(List<Path> files) {
    TreeSet<String> lines = new TreeSet<>();
    try {
      for (Path file : files) {
        lines.add(line(file.toAbsolutePath()));
      }
      Path part = Files.createTempFile(list.getParent(), "list", ".part");
      Files.write(part, lines);
      Files.move(part, list, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      // It only saves time.
      return;
    }
  }

  private static String line(Path file) throws IOException {
    return Files.size(file) + " " + Files.getLastModifiedTime(file).toMillis() + " " + file;
  }
}
