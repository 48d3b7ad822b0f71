package org.equipoise.mbpo.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Unfinished files. Their names cannot be foretold, so that nobody who shares a folder can lay a
 * link in their place, and bear our mark, so that those of a killed process are known.
 */
final class TemporaryFiles {
  private static final String PREFIX = ".equipoise-";
  private static final String SUFFIX = ".tmp";
  private static final int RANDOM_BYTES = 8;
  private static final Pattern NAME = Pattern.compile("\\.equipoise-[0-9a-f]{16}\\.tmp");
  private static final SecureRandom RANDOM = new SecureRandom();

  private TemporaryFiles() {}

  /** A new name beside a file. */
  static Path beside(Path file) {
    byte[] bytes = new byte[RANDOM_BYTES];
    RANDOM.nextBytes(bytes);
    return file.resolveSibling(PREFIX + HexFormat.of().formatHex(bytes) + SUFFIX);
  }

  /** Deletes those that a killed process left in a folder. */
  static void delete(Path folder) {
    try (Stream<Path> list = Files.list(folder)) {
      List<Path> left = list.filter(TemporaryFiles::is).toList();
      for (Path file : left) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw StorageException.of("delete unfinished files in", folder, e);
    }
  }

  private static boolean is(Path file) {
    return NAME.matcher(file.getFileName().toString()).matches()
        && Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS);
  }
}
