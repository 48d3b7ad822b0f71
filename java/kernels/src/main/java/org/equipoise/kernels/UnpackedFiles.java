package org.equipoise.kernels;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.CodeSource;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * A list of files that have been unpacked, and of the jars they came from, with sizes and times.
 * Asking JavaCPP which files it would unpack takes a second, looking at those of a list a
 * millisecond.
 */
final class UnpackedFiles {
  private final Path list;

  /** First line of the list. */
  private final String sources;

  private UnpackedFiles(Path list, String sources) {
    this.list = list;
    this.sources = sources;
  }

  /** The list for these classes, as they lie in the jars they were found in, and resources. */
  static UnpackedFiles of(Path folder, Set<String> resources, Class<?>... presets) {
    TreeSet<String> sources = new TreeSet<>(resources);
    for (Class<?> each : presets) {
      CodeSource source = each.getProtectionDomain().getCodeSource();
      sources.add(each.getName() + " " + (source == null ? "" : source.getLocation()));
    }
    // No digest: to start Java's own costs more than all the rest here.
    String name = Integer.toHexString(sources.hashCode()) + ".list";
    return new UnpackedFiles(folder.resolve(name), sources.toString());
  }

  /** The files, if there is such a list and all of them are as they were, else none. */
  List<Path> complete() {
    List<Path> files = new ArrayList<>();
    try {
      List<String> lines = Files.readAllLines(list);
      if (!lines.get(0).equals(sources)) {
        return List.of();
      }
      for (String line : lines.subList(1, lines.size())) {
        Path file = Path.of(line.split(" ", 3)[2]);
        if (!line.equals(line(file))) {
          return List.of();
        }
        files.add(file);
      }
      return files;
    } catch (IOException | RuntimeException e) {
      // Whatever is wrong with the list: it is written anew.
      return List.of();
    }
  }

  /** Whole or not at all: others may read it meanwhile. */
  void write(List<Path> files) {
    Set<String> lines = new LinkedHashSet<>(Set.of(sources));
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
