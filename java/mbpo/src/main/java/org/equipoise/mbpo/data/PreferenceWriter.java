package org.equipoise.mbpo.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.equipoise.mbpo.image.ImageFiles;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.StorageException;

/**
 * Adds batches of pairs to a {@link PreferenceStore} folder. After each batch {@code mining.json}
 * records, atomically, how many units are done and how long the two line files are; whatever a
 * killed process left beyond that is cut off, so a resumed store equals an uninterrupted one byte
 * for byte. Images are not flushed one by one; a store whose images a power failure has lost is
 * begun anew. Not thread-safe.
 */
public final class PreferenceWriter {
  private static final String JOURNAL = "mining.json";

  private final Path folder;
  private Journal journal;

  private record Journal(
      String fingerprint, int unitsDone, long preferenceBytes, long droppedBytes) {}

  private PreferenceWriter(Path folder, Journal journal) {
    this.folder = folder;
    this.journal = journal;
  }

  /**
   * Opens a folder to go on with the same mining, or to begin it.
   *
   * @param fingerprint text that differs when samples, source or options differ; a folder of
   *     another mining is refused
   */
  public static PreferenceWriter open(Path folder, String fingerprint) {
    Path file = folder.resolve(JOURNAL);
    if (Files.exists(file)) {
      Journal journal = Json.read(file, Journal.class);
      if (!journal.fingerprint().equals(fingerprint)) {
        throw new IllegalArgumentException(
            "folder "
                + folder
                + " holds the result of another mining (other weights, samples, source or"
                + " options); delete it or choose another folder");
      }
      PreferenceWriter writer = new PreferenceWriter(folder, journal);
      writer.cut();
      if (writer.imagesAreThere()) {
        return writer;
      }
    }
    PreferenceWriter writer = new PreferenceWriter(folder, new Journal(fingerprint, 0, 0, 0));
    writer.cut();
    writer.commit(writer.journal);
    return writer;
  }

  /** Units that are done; mining goes on after them. */
  public int unitsDone() {
    return journal.unitsDone();
  }

  /** Adds what came out of the next {@code units} units; durable when it returns. */
  public void append(int units, List<PreferenceRecord> pairs, List<DroppedSample> dropped) {
    for (PreferenceRecord pair : pairs) {
      List<String> names = PreferenceJson.imageNames(pair);
      for (int i = 0; i < names.size(); i++) {
        writeImage(PreferenceJson.IMAGES, names.get(i), pair.images().get(i));
        writeImage(PreferenceJson.PERTURBED, names.get(i), pair.perturbed().get(i));
      }
    }
    long preferences =
        append(
            PreferenceStore.PREFERENCES,
            journal.preferenceBytes(),
            JsonLines.bytes(pairs.stream().map(PreferenceJson::line).toList()));
    long droppedBytes =
        append(
            PreferenceStore.DROPPED,
            journal.droppedBytes(),
            JsonLines.bytes(dropped.stream().map(PreferenceJson::line).toList()));
    commit(
        new Journal(journal.fingerprint(), journal.unitsDone() + units, preferences, droppedBytes));
  }

  private void writeImage(String subfolder, String name, ImageSource image) {
    AtomicFiles.writeUnsynced(
        folder.resolve(subfolder).resolve(name), ImageFiles.encodePng(image.load()));
  }

  private long append(String file, long keep, byte[] lines) {
    return lines.length == 0 ? keep : AtomicFiles.append(folder.resolve(file), keep, lines);
  }

  private void commit(Journal next) {
    AtomicFiles.write(folder.resolve(JOURNAL), Json.text(next));
    journal = next;
  }

  /** Removes what was written after the last commit. */
  private void cut() {
    AtomicFiles.append(
        folder.resolve(PreferenceStore.PREFERENCES), journal.preferenceBytes(), new byte[0]);
    AtomicFiles.append(
        folder.resolve(PreferenceStore.DROPPED), journal.droppedBytes(), new byte[0]);
    cutImages(PreferenceJson.IMAGES);
    cutImages(PreferenceJson.PERTURBED);
  }

  private void cutImages(String name) {
    Path images = folder.resolve(name);
    if (!Files.isDirectory(images)) {
      return;
    }
    var kept = new java.util.HashSet<String>();
    PreferenceStore.read(folder).forEach(pair -> kept.addAll(PreferenceJson.imageNames(pair)));
    try (Stream<Path> files = Files.list(images)) {
      List<Path> extra =
          files.filter(file -> !kept.contains(file.getFileName().toString())).toList();
      extra.forEach(AtomicFiles::deleteTree);
    } catch (IOException e) {
      throw StorageException.of("list", images, e);
    }
  }

  private boolean imagesAreThere() {
    for (PreferenceRecord pair : PreferenceStore.read(folder)) {
      boolean lost =
          Stream.of(pair.images(), pair.perturbed())
              .flatMap(List::stream)
              .anyMatch(image -> isLost(image.path().orElseThrow()));
      if (lost) {
        return false;
      }
    }
    return true;
  }

  private static boolean isLost(Path image) {
    try {
      return !Files.exists(image) || Files.size(image) == 0;
    } catch (IOException e) {
      throw StorageException.of("look at", image, e);
    }
  }
}
