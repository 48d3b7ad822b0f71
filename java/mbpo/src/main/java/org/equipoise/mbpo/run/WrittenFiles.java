package org.equipoise.mbpo.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.equipoise.mbpo.storage.FileDigests;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.WatchedFolders;
import org.jspecify.annotations.Nullable;

/**
 * Which files of a run's folder are the run's own: each is put down by its name before it is
 * created, so that a process that was killed leaves none unknown. Everything else in the folder
 * belongs to somebody else, and is neither deleted nor replaced. Thread-safe.
 */
final class WrittenFiles implements WatchedFolders.Watcher {
  private static final String FILES = "files";
  private static final String DIGEST = "sha256";
  private static final String UNKNOWN = "";

  private final Path root;
  private final Set<String> exempt;
  private final CheckedLog log;

  /** Digests by name, of files at the top of the folder that are finished. */
  private final Map<String, String> digests = new ConcurrentHashMap<>();

  private WrittenFiles(Path root, Set<String> exempt, CheckedLog log) {
    this.root = root;
    this.exempt = exempt;
    this.log = log;
  }

  /**
   * @param exempt folders at the top whose files are looked after in other ways
   */
  static WrittenFiles open(Path root, Path file, Set<String> exempt) {
    WrittenFiles written = new WrittenFiles(root, exempt, CheckedLog.open(file));
    written.log.found().forEach(written::remember);
    return written;
  }

  private void remember(ObjectNode entry) {
    for (JsonNode file : entry.path(FILES)) {
      String name = file.asText();
      // The log may come from somebody else.
      if (RunNames.isBelow(root, name)) {
        digests.put(name, entry.path(DIGEST).asText(UNKNOWN));
      }
    }
  }

  /** A sentence on damage that was found. */
  @Nullable String notice() {
    return log.damage() == null
        ? null
        : log.damage()
            + "; files that they named count as somebody else's, unless their stage's"
            + " record names them";
  }

  /** Of what is known already the folders were looked at before, and file systems may be slow. */
  @Override
  public void beforeWrites(List<Path> files) {
    Map<Path, String> more = new LinkedHashMap<>();
    for (Path file : files) {
      String name = RunNames.of(root, file);
      if (!digests.containsKey(name) && !exempt.contains(name.split("/", 2)[0])) {
        more.put(file, name);
      }
    }
    more.keySet().stream()
        .map(Path::getParent)
        .distinct()
        .forEach(folder -> RunNames.requireNoLink(root, folder));
    more.keySet().forEach(WrittenFiles::requireFree);
    add(more.values());
  }

  private static void requireFree(Path file) {
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      throw new IllegalArgumentException(
          file
              + " was not written by a run and would be replaced; move it away or choose another"
              + " folder");
    }
  }

  /** Makes files the run's own. */
  synchronized void add(Collection<String> names) {
    List<String> more = names.stream().filter(name -> !digests.containsKey(name)).toList();
    if (!more.isEmpty()) {
      log.append(entry(more, UNKNOWN));
      more.forEach(name -> digests.put(name, UNKNOWN));
    }
  }

  /** Makes a file at the top the run's own whatever it holds; whoever owns it said so. */
  synchronized void takeOver(String name) {
    digests.put(name, UNKNOWN);
    log.append(entry(List.of(name), UNKNOWN));
  }

  /** Remembers what a finished file at the top of the folder holds. */
  synchronized void finished(String name) {
    String digest = FileDigests.read(root.resolve(name));
    if (!digest.equals(digests.put(name, digest))) {
      log.append(entry(List.of(name), digest));
    }
  }

  /** Forgets the files of a folder, which are deleted. */
  synchronized void forget(String folder) {
    if (digests.keySet().removeIf(name -> name.startsWith(folder + "/"))) {
      List<ObjectNode> entries = new ArrayList<>();
      List<String> plain = new ArrayList<>();
      for (String name : new TreeSet<>(digests.keySet())) {
        String digest = digests.get(name);
        if (digest.equals(UNKNOWN)) {
          plain.add(name);
        } else {
          entries.add(entry(List.of(name), digest));
        }
      }
      entries.add(entry(plain, UNKNOWN));
      log.rewrite(entries);
    }
  }

  private static ObjectNode entry(List<String> names, String digest) {
    ObjectNode entry = Json.MAPPER.createObjectNode();
    ArrayNode files = entry.putArray(FILES);
    names.forEach(files::add);
    return digest.equals(UNKNOWN) ? entry : entry.put(DIGEST, digest);
  }

  /** Names of the run's own files in a folder at the top, from there. */
  Set<String> in(String folder) {
    Set<String> names = new TreeSet<>();
    String prefix = folder + "/";
    for (String name : digests.keySet()) {
      if (name.startsWith(prefix)) {
        names.add(name.substring(prefix.length()));
      }
    }
    return names;
  }

  /** Whether a file at the top is the run's own, and as it was written as far as that is known. */
  boolean isAsWritten(String name) {
    String digest = digests.get(name);
    Path file = root.resolve(name);
    return digest != null
        && Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
        && (digest.equals(UNKNOWN) || digest.equals(FileDigests.of(file)));
  }
}
