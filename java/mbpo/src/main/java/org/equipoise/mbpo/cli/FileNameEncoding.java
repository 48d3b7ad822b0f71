package org.equipoise.mbpo.cli;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import picocli.CommandLine.TypeConversionException;

/** File names that the locale has no letters for. */
final class FileNameEncoding {
  private FileNameEncoding() {}

  /** A path of the command line. */
  static Path path(String name) {
    try {
      return Path.of(name);
    } catch (InvalidPathException e) {
      throw new TypeConversionException(e.getMessage() + remedy(e));
    }
  }

  /**
   * The cause and the cure where a failure is one of such a name, else nothing. Java takes the
   * encoding of file names from the locale, and no option of its own changes it.
   */
  static String remedy(Throwable failure) {
    String encoding = System.getProperty("sun.jnu.encoding");
    if ("UTF-8".equalsIgnoreCase(encoding)) {
      return "";
    }
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof InvalidPathException path && !path.getInput().matches("\\p{ASCII}*")) {
        return "; the locale's encoding of file names, "
            + encoding
            + ", has not all the letters of this one: start the command with the environment"
            + " variable LC_ALL=C.UTF-8, or through equipoise.sh, which sets it";
      }
    }
    return "";
  }
}
