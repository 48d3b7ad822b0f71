package org.equipoise.mbpo.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.StorageException;

/**
 * The files of a checkpoint that go with its weights into what a user publishes: those that
 * transformers writes for these families, by their names, and nothing else. A link in a checkpoint
 * of somebody else could bring any file of the user among them; so a file must lie in the
 * checkpoint's folder or, in a cache of the Hugging Face Hub, which consists of links, among the
 * blobs of the same repository.
 */
public final class CheckpointCopy {
  private static final List<String> NAMES =
      List.of(
          "generation_config.json",
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.json",
          "merges.txt",
          "chat_template.jinja",
          "chat_template.json",
          "preprocessor_config.json",
          "processor_config.json",
          "video_preprocessor_config.json");

  private static final String TEMPLATE = ".jinja";

  private CheckpointCopy() {}

  /** Refuses a checkpoint with a file that could not be copied, which a merge would find late. */
  public static void require(Path checkpoint) {
    files(checkpoint);
  }

  /** Copies the files as they are. */
  static void copy(Path checkpoint, Path target) {
    files(checkpoint)
        .forEach((name, file) -> AtomicFiles.write(target.resolve(name), AtomicFiles.read(file)));
  }

  /** What there is to copy, by its name below the folder. */
  private static Map<String, Path> files(Path checkpoint) {
    Map<String, Path> files = new LinkedHashMap<>();
    for (String name : NAMES) {
      add(files, checkpoint, name);
    }
    Path templates = checkpoint.resolve(QwenCheckpoint.NAMED_TEMPLATES);
    if (Files.isDirectory(templates)) {
      try (Stream<Path> list = Files.list(templates)) {
        list.map(file -> file.getFileName().toString())
            .filter(name -> name.endsWith(TEMPLATE))
            .sorted()
            .forEach(name -> add(files, checkpoint, QwenCheckpoint.NAMED_TEMPLATES + "/" + name));
      } catch (IOException e) {
        throw StorageException.of("list", templates, e);
      }
    }
    return files;
  }

  private static void add(Map<String, Path> files, Path checkpoint, String name) {
    Path file = checkpoint.resolve(name);
    if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    CheckpointFolder.requireNoBrokenLink(file);
    Path real = real(file);
    if (!isOfCheckpoint(real(checkpoint), real)) {
      throw new IllegalArgumentException(
          file
              + " leads to "
              + real
              + ", outside of the checkpoint; it would be copied into the merged one. Put the file"
              + " itself there if it belongs to the checkpoint, or remove it");
    }
    if (!Files.isRegularFile(real)) {
      throw new IllegalArgumentException(file + ": expected a file to copy, found something else");
    }
    files.put(name, real);
  }

  /** Caches hold {@code snapshots/REVISION/NAME}, a link to {@code blobs/DIGEST}. */
  private static boolean isOfCheckpoint(Path checkpoint, Path file) {
    Path snapshots = checkpoint.getParent();
    boolean cached =
        snapshots != null
            && snapshots.getParent() != null
            && snapshots.endsWith("snapshots")
            && snapshots.resolveSibling("blobs").equals(file.getParent());
    return cached || file.startsWith(checkpoint);
  }

  private static Path real(Path path) {
    try {
      return path.toRealPath();
    } catch (IOException e) {
      throw StorageException.of("read", path, e);
    }
  }
}
