package org.equipoise.mbpo.storage;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/**
 * SHA-256 of files' contents. A file is read once: its digest is remembered with its size, times
 * and number in the file system, and counts until one of them changes. A folder of ours may keep
 * what is remembered for later processes. Thread-safe.
 */
public final class FileDigests {
  /**
   * A file that was changed so shortly before it was read may change again without a trace in its
   * times, whose steps are up to two seconds; its digest is not remembered.
   */
  private static final long YOUNG_SECONDS = 2;

  private static final int BUFFER = 1 << 20;

  private static final Map<Path, Known> KNOWN = new ConcurrentHashMap<>();

  private FileDigests() {}

  private record Stamp(long bytes, String modified, String changed, String key) {}

  private record Known(Stamp stamp, String digest) {}

  /** The digest of a file; it is read if it is unknown or its size or times have changed. */
  public static String of(Path file) {
    Known known = KNOWN.get(absolute(file));
    try {
      return known != null && known.stamp().equals(stamp(file)) ? known.digest() : read(file);
    } catch (IOException e) {
      throw StorageException.of("read", file, e);
    }
  }

  /** Size of those of the files that {@link #of} would have to read. */
  public static long unknownBytes(Collection<Path> files) {
    long bytes = 0;
    for (Path file : files) {
      Known known = KNOWN.get(absolute(file));
      try {
        bytes += known != null && isCurrent(file, known) ? 0 : Files.size(file);
      } catch (IOException e) {
        throw StorageException.of("read", file, e);
      }
    }
    return bytes;
  }

  /** The digest of a file as it is now, read whatever is known: finds damage by the disk, too. */
  public static String read(Path file) {
    Instant now = Instant.now();
    try {
      Stamp before = stamp(file);
      Sha256 hash = new Sha256();
      try (InputStream stream = RegularFiles.stream(file)) {
        byte[] buffer = new byte[(int) Math.max(1, Math.min(BUFFER, before.bytes()))];
        for (int bytes = stream.read(buffer); bytes >= 0; bytes = stream.read(buffer)) {
          hash.add(buffer, bytes);
        }
      }
      String digest = hash.hex();
      Instant young = now.minusSeconds(YOUNG_SECONDS);
      boolean settled =
          Instant.parse(before.modified()).isBefore(young)
              && Instant.parse(before.changed()).isBefore(young);
      if (settled && before.equals(stamp(file))) {
        KNOWN.put(absolute(file), new Known(before, digest));
      }
      return digest;
    } catch (IOException e) {
      throw StorageException.of("read", file, e);
    }
  }

  /** Recalls what {@link #keep} wrote; lines that are damaged are passed over. */
  public static void recall(Path kept) {
    for (String line : LineLog.read(kept)) {
      CheckedJson.read(line).ifPresent(FileDigests::recall);
    }
  }

  private static void recall(ObjectNode line) {
    Path file;
    try {
      file = Path.of(line.path("file").asText());
    } catch (InvalidPathException e) {
      // No file of this system, so nobody will ask for it.
      return;
    }
    Stamp stamp =
        new Stamp(
            line.path("bytes").asLong(),
            line.path("modified").asText(),
            line.path("changed").asText(),
            line.path("key").asText());
    KNOWN.putIfAbsent(file, new Known(stamp, line.path("sha256").asText()));
  }

  /** Writes the digests of files that are as they were read. */
  public static void keep(Path kept) {
    StringBuilder lines = new StringBuilder();
    new TreeMap<>(KNOWN)
        .forEach(
            (file, known) -> {
              if (isCurrent(file, known)) {
                lines.append(line(file, known)).append('\n');
              }
            });
    AtomicFiles.write(kept, lines.toString());
  }

  private static String line(Path file, Known known) {
    ObjectNode node = Json.MAPPER.createObjectNode();
    node.put("file", file.toString());
    node.put("bytes", known.stamp().bytes());
    node.put("modified", known.stamp().modified());
    node.put("changed", known.stamp().changed());
    node.put("key", known.stamp().key());
    node.put("sha256", known.digest());
    return CheckedJson.line(node);
  }

  private static boolean isCurrent(Path file, Known known) {
    try {
      return known.stamp().equals(stamp(file));
    } catch (IOException e) {
      return false;
    }
  }

  private static Path absolute(Path file) {
    return file.toAbsolutePath().normalize();
  }

  /** Of what a link leads to. */
  private static Stamp stamp(Path file) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
    FileTime changed = attributes.lastModifiedTime();
    if (file.getFileSystem().supportedFileAttributeViews().contains("unix")) {
      // Programs that copy set the other time back; this one they cannot.
      changed = (FileTime) Files.getAttribute(file, "unix:ctime");
    }
    return new Stamp(
        attributes.size(),
        attributes.lastModifiedTime().toInstant().toString(),
        changed.toInstant().toString(),
        String.valueOf(attributes.fileKey()));
  }
}
