package org.equipoise.mbpo.fuzz;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.StorageException;
import org.jspecify.annotations.Nullable;

/**
 * What holds whatever a file says: it is read, or it is refused in a sentence that names it; within
 * bounds of time and memory, and nothing is written elsewhere. Everything else is an {@link
 * AssertionError}.
 */
final class Property {
  /** Of the processor, which other programs do not change. */
  private static final long MOST_NANOSECONDS = 2_000_000_000L;

  private static final int ATTEMPTS = 3;
  private static final long MOST_BYTES = 256L << 20;
  private static final long MOST_BYTES_OF_ONE = 1000;

  /** Characters; names of files and fields are within, lists of all that a file holds are not. */
  private static final int LONGEST_SENTENCE = 8000;

  /**
   * Just these: a {@code NumberFormatException} or an {@code InvalidPathException} is one of them
   * by descent, and knows no file.
   */
  private static final Set<Class<?>> REFUSALS =
      Set.of(IllegalArgumentException.class, StorageException.class);

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final Path root;
  private final Map<Parser, Path> folders = new EnumMap<>(Parser.class);
  private final Map<Parser, Set<String>> entries = new EnumMap<>(Parser.class);

  /**
   * @param root an empty folder
   */
  Property(Path root) {
    this.root = root;
  }

  void check(Parser parser, byte[] input) {
    byte[] content = parser.framed(input);
    String found = found(parser, content);
    for (int i = 1; i < ATTEMPTS && found != null; i++) {
      // The first ones load classes and libraries, which is not the file's fault.
      found = found(parser, content);
    }
    if (found != null) {
      throw new AssertionError(parser.test() + " " + found);
    }
  }

  /** What reading took too much of, or {@code null}; all else that is wrong is thrown. */
  private @Nullable String found(Parser parser, byte[] content) {
    Path folder = folders.computeIfAbsent(parser, this::prepared);
    Path file = folder.resolve(parser.file());
    write(file, content);
    Set<String> around = entries(root);
    long bytes = THREADS.getCurrentThreadAllocatedBytes();
    long time = THREADS.getCurrentThreadCpuTime();
    try {
      parser.read(file);
    } catch (RuntimeException e) {
      requireRefusal(parser, e);
    } catch (Error e) {
      throw new AssertionError(parser.test() + ": " + e.getClass().getName(), e);
    }
    time = THREADS.getCurrentThreadCpuTime() - time;
    bytes = THREADS.getCurrentThreadAllocatedBytes() - bytes;
    require(parser, entries(root).equals(around), "wrote beside its folder: " + entries(root));
    restore(parser, folder);
    return time > MOST_NANOSECONDS
        ? "took " + time / 1_000_000 + " ms"
        : bytes > MOST_BYTES + MOST_BYTES_OF_ONE * content.length
            ? "allocated " + bytes + " bytes for a file of " + content.length
            : null;
  }

  private void requireRefusal(Parser parser, RuntimeException refusal) {
    if (!REFUSALS.contains(refusal.getClass())) {
      throw new AssertionError(parser.test() + ": no refusal", refusal);
    }
    String sentence = refusal.getMessage();
    String name = Path.of(parser.file()).getFileName().toString();
    boolean good =
        sentence != null
            && sentence.length() <= LONGEST_SENTENCE
            && (sentence.contains(name) || sentence.contains(folders.get(parser).toString()))
            && Excerpt.readable(sentence).codePoints().noneMatch(Property::movesTheCursor);
    if (!good) {
      throw new AssertionError(parser.test() + ": no sentence that names " + name, refusal);
    }
  }

  private static boolean movesTheCursor(int character) {
    return Character.isISOControl(character) && character != '\n' && character != '\t';
  }

  private Path prepared(Parser parser) {
    Path folder = root.resolve(parser.test());
    AtomicFiles.createDirectories(folder);
    parser.prepare(folder);
    write(folder.resolve(parser.file()), new byte[0]);
    entries.put(parser, entries(folder));
    return folder;
  }

  /** What only reads leaves the folder as it was; what goes on in it gets a new one. */
  private void restore(Parser parser, Path folder) {
    if (parser.writes()) {
      TemporaryFolder.delete(folder);
      folders.remove(parser);
    } else {
      Set<String> now = entries(folder);
      require(parser, now.equals(entries.get(parser)), "left in its folder: " + now);
    }
  }

  private static void require(Parser parser, boolean condition, String found) {
    if (!condition) {
      throw new AssertionError(parser.test() + " " + found);
    }
  }

  private static void write(Path file, byte[] content) {
    try {
      Files.createDirectories(file.getParent());
      Files.write(file, content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Set<String> entries(Path folder) {
    try (Stream<Path> list = Files.list(folder)) {
      return list.map(path -> path.getFileName().toString())
          .collect(Collectors.toCollection(TreeSet::new));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
