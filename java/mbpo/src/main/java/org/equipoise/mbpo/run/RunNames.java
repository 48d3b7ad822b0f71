package org.equipoise.mbpo.run;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;

/** Names of files below a run's folder, with slashes on every platform. */
final class RunNames {
  private RunNames() {}

  static String of(Path folder, Path file) {
    return folder.relativize(file).toString().replace(File.separatorChar, '/');
  }

  /** Whether a name that was read leads to a place below the folder, and nowhere else. */
  static boolean isBelow(Path folder, String name) {
    try {
      boolean plain =
          Arrays.stream(name.split("/", -1))
              .noneMatch(part -> part.isEmpty() || part.equals(".") || part.equals(".."));
      Path file = folder.resolve(name).normalize();
      return plain && file.startsWith(folder) && of(folder, file).equals(name);
    } catch (InvalidPathException e) {
      return false;
    }
  }

  /** A folder below that is a link would carry what is done in it to where it leads. */
  static void requireNoLink(Path root, Path below) {
    for (Path at = below; at.startsWith(root) && !at.equals(root); at = at.getParent()) {
      if (Files.isSymbolicLink(at)) {
        throw new IllegalArgumentException(
            at
                + ": expected a folder of the run, found a symbolic link, which is not followed;"
                + " put the folder itself there or choose another folder, nothing was changed");
      }
    }
  }
}
