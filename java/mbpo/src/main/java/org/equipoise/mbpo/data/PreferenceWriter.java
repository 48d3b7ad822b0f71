package org.equipoise.mbpo.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.equipoise.mbpo.image.ImageFiles;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.FileDigests;
import org.equipoise.mbpo.storage.Sha256;
import org.equipoise.mbpo.storage.StorageException;

/**
 * Adds batches of pairs to a {@link PreferenceStore} folder. After each batch a line of {@code
 * mining.jsonl} records how many units are done, how long the two line files are, and digests of
 * what the batch added. Opened again, the store goes on after the last batch that is whole, lines
 * and images; so a resumed store equals an uninterrupted one byte for byte. Not thread-safe.
 */
public final class PreferenceWriter {
  private final Path folder;
  private final MiningLog log;
  private MiningLog.Batch last;

  private PreferenceWriter(Path folder, MiningLog log, MiningLog.Batch last) {
    this.folder = folder;
    this.log = log;
    this.last = last;
  }

  /**
   * Opens a folder to go on with the same mining, or to begin it.
   *
   * @param fingerprint text that differs when samples, source or options differ; a folder of
   *     another mining is refused
   * @param notices told where the mining goes on if a part of the folder is damaged
   */
  public static PreferenceWriter open(Path folder, String fingerprint, Consumer<String> notices) {
    Path file = folder.resolve(PreferenceStore.PROGRESS);
    requireOurs(folder, file);
    MiningLog.Contents recorded = MiningLog.read(file);
    recorded
        .fingerprint()
        .filter(other -> !other.equals(fingerprint))
        .ifPresent(
            other -> {
              throw new IllegalArgumentException(
                  "folder "
                      + folder
                      + " holds the result of another mining (other weights, samples, source or"
                      + " options); delete it or choose another folder");
            });
    List<MiningLog.Batch> whole = new WholeBatches(folder).of(recorded.batches());
    int lost = recorded.batches().size() - whole.size() + recorded.damaged();
    MiningLog.Batch last = whole.isEmpty() ? MiningLog.Batch.NONE : whole.get(whole.size() - 1);
    if (lost > 0) {
      notices.accept(
          folder
              + ": "
              + (recorded.batches().size() > whole.size()
                  ? "pairs or images are not what was mined"
                  : PreferenceStore.PROGRESS + " is damaged")
              + "; mining goes on after the "
              + last.unitsDone()
              + " units that are whole");
    }
    PreferenceWriter writer =
        new PreferenceWriter(folder, MiningLog.write(file, fingerprint, whole), last);
    writer.cut();
    return writer;
  }

  /** The log is there before the first pair: pairs without one are not to be cut off. */
  private static void requireOurs(Path folder, Path log) {
    Path pairs = folder.resolve(PreferenceStore.PREFERENCES);
    try {
      if (!Files.exists(log) && Files.exists(pairs) && Files.size(pairs) > 0) {
        throw new IllegalArgumentException(
            "folder "
                + folder
                + " holds pairs but no "
                + PreferenceStore.PROGRESS
                + ": another program or an earlier version wrote it; delete it or choose another"
                + " folder");
      }
    } catch (IOException e) {
      throw StorageException.of("read", pairs, e);
    }
  }

  /** Units that are done; mining goes on after them. */
  public int unitsDone() {
    return last.unitsDone();
  }

  /** Adds what came out of the next {@code units} units; durable when it returns. */
  public void append(int units, List<PreferenceRecord> pairs, List<DroppedSample> dropped) {
    AtomicFiles.announce(pairs.stream().flatMap(this::imageFiles).toList());
    Sha256 images = new Sha256();
    for (PreferenceRecord pair : pairs) {
      List<String> names = PreferenceJson.imageNames(pair);
      for (int i = 0; i < names.size(); i++) {
        images.add(writeImage(PreferenceJson.IMAGES, names.get(i), pair.images().get(i)));
        images.add(writeImage(PreferenceJson.PERTURBED, names.get(i), pair.perturbed().get(i)));
      }
    }
    byte[] pairLines = JsonLines.bytes(pairs.stream().map(PreferenceJson::line).toList());
    byte[] droppedLines = JsonLines.bytes(dropped.stream().map(PreferenceJson::line).toList());
    long preferences = append(PreferenceStore.PREFERENCES, last.preferenceBytes(), pairLines);
    long droppedBytes = append(PreferenceStore.DROPPED, last.droppedBytes(), droppedLines);
    String lines = new Sha256().add(pairLines).add(droppedLines).shortHex();
    last =
        new MiningLog.Batch(
            last.unitsDone() + units, preferences, droppedBytes, lines, images.shortHex());
    log.append(last);
  }

  private Stream<Path> imageFiles(PreferenceRecord pair) {
    return PreferenceJson.imageNames(pair).stream()
        .flatMap(
            name ->
                Stream.of(
                    folder.resolve(PreferenceJson.IMAGES).resolve(name),
                    folder.resolve(PreferenceJson.PERTURBED).resolve(name)));
  }

  /** Writes a PNG and gives the digest of its bytes. */
  private String writeImage(String subfolder, String name, ImageSource image) {
    byte[] png = ImageFiles.encodePng(image.load());
    AtomicFiles.writeUnsynced(folder.resolve(subfolder).resolve(name), png);
    return new Sha256().add(png).hex();
  }

  private long append(String file, long keep, byte[] lines) {
    return lines.length == 0 ? keep : AtomicFiles.append(folder.resolve(file), keep, lines);
  }

  /**
   * Removes lines beyond the last batch, and what was being written. Images beyond it are made
   * again under the same names; others beside them are not ours.
   */
  private void cut() {
    Stream.of(
            folder, folder.resolve(PreferenceJson.IMAGES), folder.resolve(PreferenceJson.PERTURBED))
        .filter(Files::isDirectory)
        .forEach(AtomicFiles::deleteUnfinished);
    AtomicFiles.append(
        folder.resolve(PreferenceStore.PREFERENCES), last.preferenceBytes(), new byte[0]);
    AtomicFiles.append(folder.resolve(PreferenceStore.DROPPED), last.droppedBytes(), new byte[0]);
  }

  /** Compares what batches recorded with what the folder holds. */
  private static final class WholeBatches {
    /** What one array holds. */
    private static final int MOST_BYTES = Integer.MAX_VALUE - 8;

    private final Path folder;
    private final byte[] preferences;
    private final byte[] dropped;

    WholeBatches(Path folder) {
      this.folder = folder;
      this.preferences = bytes(folder.resolve(PreferenceStore.PREFERENCES));
      this.dropped = bytes(folder.resolve(PreferenceStore.DROPPED));
    }

    private static byte[] bytes(Path file) {
      return Files.exists(file) ? AtomicFiles.read(file, MOST_BYTES) : new byte[0];
    }

    /** Batches up to the first one whose lines or images are not what was written. */
    List<MiningLog.Batch> of(List<MiningLog.Batch> batches) {
      List<MiningLog.Batch> whole = new ArrayList<>();
      MiningLog.Batch before = MiningLog.Batch.NONE;
      for (MiningLog.Batch batch : batches) {
        if (!isWhole(before, batch)) {
          break;
        }
        whole.add(batch);
        before = batch;
      }
      return whole;
    }

    private boolean isWhole(MiningLog.Batch before, MiningLog.Batch batch) {
      boolean ordered =
          before.preferenceBytes() <= batch.preferenceBytes()
              && batch.preferenceBytes() <= preferences.length
              && before.droppedBytes() <= batch.droppedBytes()
              && batch.droppedBytes() <= dropped.length
              && before.unitsDone() <= batch.unitsDone();
      if (!ordered) {
        return false;
      }
      byte[] pairLines = part(preferences, before.preferenceBytes(), batch.preferenceBytes());
      byte[] droppedLines = part(dropped, before.droppedBytes(), batch.droppedBytes());
      if (!new Sha256().add(pairLines).add(droppedLines).shortHex().equals(batch.lines())) {
        return false;
      }
      Sha256 images = new Sha256();
      for (PreferenceRecord pair : pairs(pairLines)) {
        for (int i = 0; i < pair.images().size(); i++) {
          for (ImageSource image : List.of(pair.images().get(i), pair.perturbed().get(i))) {
            Path file = image.path().orElseThrow();
            if (!Files.isRegularFile(file)) {
              return false;
            }
            images.add(FileDigests.read(file));
          }
        }
      }
      return images.shortHex().equals(batch.images());
    }

    private List<PreferenceRecord> pairs(byte[] lines) {
      ImageFolder ours = new ImageFolder(folder, DataLimits.defaults().imagePixels());
      return JsonLines.rows(
              folder.resolve(PreferenceStore.PREFERENCES),
              lines,
              (number, fields) -> List.of(PairRows.read(ours, fields, "")),
              BadRow.Handler.refuse())
          .stream()
          .map(Row::value)
          .toList();
    }

    private static byte[] part(byte[] bytes, long from, long to) {
      return Arrays.copyOfRange(bytes, (int) from, (int) to);
    }
  }
}
