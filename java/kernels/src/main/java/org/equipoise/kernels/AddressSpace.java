package org.equipoise.kernels;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How much address space the process may use: {@code ulimit -v}, which Linux shows in {@code
 * /proc}. Elsewhere, and without a limit, everything is allowed.
 */
public final class AddressSpace {
  private static final Pattern LIMIT = Pattern.compile("(?m)^Max address space +(\\d+) ");
  private static final Pattern USED = Pattern.compile("(?m)^VmSize:\\s+(\\d+) kB$");

  private AddressSpace() {}

  /**
   * Returns when there is room for a library. Where there is not, some of them end the process
   * instead of saying so.
   *
   * @param bytes that it maps and allocates
   * @throws NativeLoadException naming the limit, what is in use and what is needed
   */
  public static void require(String library, long bytes) {
    long limit = find(LIMIT, "/proc/self/limits");
    long used = find(USED, "/proc/self/status") << 10;
    if (limit > 0 && used > 0 && limit - used < bytes) {
      throw new NativeLoadException(
          String.format(
              "cannot load %s: it needs %d MiB of address space; this process may use %d MiB"
                  + " (ulimit -v), of which %d are in use; raise the limit, for example with"
                  + " \"ulimit -v unlimited\", or make the Java heap smaller",
              library, bytes >> 20, limit >> 20, used >> 20),
          null);
    }
  }

  private static long find(Pattern number, String file) {
    try {
      Matcher found = number.matcher(Files.readString(Path.of(file)));
      return found.find() ? Long.parseLong(found.group(1)) : 0;
    } catch (IOException | SecurityException e) {
      return 0;
    }
  }
}
