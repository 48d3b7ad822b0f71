package org.equipoise.mbpo.command;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.equipoise.mbpo.checkpoint.QwenCheckpoint;
import org.equipoise.mbpo.config.ModelSettings;
import org.equipoise.mbpo.config.RunSettings;
import org.equipoise.mbpo.data.DataFingerprint;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.run.Stage;
import org.equipoise.mbpo.storage.FileDigests;
import org.equipoise.mbpo.storage.StorageException;

/**
 * What a stage reads from a user's files, by contents: adds to a stage the settings that tell one
 * checkpoint, adapter or data set from another. Folders may be moved.
 */
final class InputFingerprint {
  /** Hexadecimal digits of a file's digest that are recorded. */
  private static final int DIGITS = 32;

  private static final long LONG_BYTES = 2_000_000_000L;

  private InputFingerprint() {}

  /** Adds the model that the settings name. */
  static Stage model(Stage stage, RunSettings settings, QwenCheckpoint checkpoint) {
    ModelSettings model = settings.bind("model", ModelSettings.class);
    sayIfLong(checkpoint);
    Map<String, String> files = digests(checkpoint.folder());
    checkpoint.weights().files().forEach(file -> put(files, file));
    Path adapter = settings.path("model.adapter");
    return stage
        .setting("model.type", model.type())
        .setting("model.maxPixels", model.maxPixels())
        .setting("model.chatTemplate", model.chatTemplate())
        .setting("checkpoint", files)
        .setting("adapter", adapter == null ? "none" : adapterFiles(adapter));
  }

  private static void sayIfLong(QwenCheckpoint checkpoint) {
    long bytes = FileDigests.unknownBytes(checkpoint.weights().files());
    if (bytes > LONG_BYTES) {
      System.err.printf(
          Locale.ROOT,
          "Reading %.1f GB of weights to know them again; not done again until they change%n",
          bytes / 1e9);
    }
  }

  static Stage samples(Stage stage, List<Sample> samples) {
    return stage
        .setting("what samples say", DataFingerprint.ofTexts(samples))
        .setting("what samples show", DataFingerprint.ofImages(samples));
  }

  static Stage pairs(Stage stage, List<PreferenceRecord> pairs) {
    return stage
        .setting("what pairs say", DataFingerprint.ofPairTexts(pairs))
        .setting("what pairs show", DataFingerprint.ofPairImages(pairs));
  }

  private static Map<String, String> adapterFiles(Path folder) {
    Map<String, String> files = digests(folder);
    try (Stream<Path> list = Files.list(folder)) {
      list.filter(file -> file.toString().endsWith(".safetensors"))
          .forEach(file -> put(files, file));
    } catch (IOException e) {
      throw StorageException.of("list", folder, e);
    }
    return files;
  }

  /** Of configuration, tokenizer, templates: every small file that may be read or copied. */
  private static Map<String, String> digests(Path folder) {
    Map<String, String> files = new TreeMap<>();
    addSmallFiles(folder, "", files);
    Path templates = folder.resolve(QwenCheckpoint.NAMED_TEMPLATES);
    if (Files.isDirectory(templates)) {
      addSmallFiles(templates, QwenCheckpoint.NAMED_TEMPLATES + "/", files);
    }
    return files;
  }

  private static void addSmallFiles(Path folder, String prefix, Map<String, String> files) {
    try (Stream<Path> list = Files.list(folder)) {
      list.filter(file -> file.getFileName().toString().matches(".*\\.(json|jinja|txt|model)"))
          .filter(Files::isRegularFile)
          .forEach(file -> files.put(prefix + file.getFileName(), digest(file)));
    } catch (IOException e) {
      throw StorageException.of("list", folder, e);
    }
  }

  private static void put(Map<String, String> files, Path file) {
    files.put(file.getFileName().toString(), digest(file));
  }

  private static String digest(Path file) {
    return FileDigests.of(file).substring(0, DIGITS);
  }
}
