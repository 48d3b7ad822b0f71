package org.equipoise.mbpo.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.equipoise.mbpo.storage.Sha256;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What goes from a checkpoint into one that a user publishes. */
class CheckpointCopyTest {
  @TempDir Path folder;

  private Path checkpoint() {
    return TinyCheckpoint.copyInto(folder.resolve("checkpoint"));
  }

  private static void assertRefused(Path checkpoint, Path file, Path target) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> CheckpointCopy.require(checkpoint))
            .getMessage();
    assertTrue(
        message.startsWith(file + " leads to " + target + ", outside of the checkpoint"), message);
  }

  @Test
  void linksToFilesOfTheUserAreRefusedByName() throws IOException {
    Path checkpoint = checkpoint();
    Path secret = Files.writeString(folder.resolve("id_rsa"), "a key");
    Path link = Files.createSymbolicLink(checkpoint.resolve("vocab.json"), secret);
    assertRefused(checkpoint, link, secret);
    assertThrows(
        IllegalArgumentException.class,
        () -> CheckpointCopy.copy(checkpoint, folder.resolve("merged")));
    assertFalse(Files.exists(folder.resolve("merged")));
    Files.delete(link);
    // Over another link, and through a folder.
    Path other = Files.createSymbolicLink(checkpoint.resolve("other"), secret);
    Files.createSymbolicLink(link, other);
    assertRefused(checkpoint, link, secret);
    Files.delete(link);
    Path templates = Files.createDirectory(folder.resolve("templates"));
    Path template = Files.writeString(templates.resolve("default.jinja"), "a key");
    Path named = checkpoint.resolve("additional_chat_templates");
    Files.createSymbolicLink(named, templates);
    assertRefused(checkpoint, named.resolve("default.jinja"), template);
  }

  @Test
  void onlyKnownNamesAreCopied() throws IOException {
    Path checkpoint = checkpoint();
    Path secret = Files.writeString(folder.resolve("id_rsa"), "a key");
    Files.createSymbolicLink(checkpoint.resolve("training_args.json"), secret);
    Files.writeString(checkpoint.resolve("passwords.txt"), "x");
    Path inside = Files.createDirectory(checkpoint.resolve("original"));
    Files.writeString(inside.resolve("merges.txt"), "a b");
    Files.deleteIfExists(checkpoint.resolve("merges.txt"));
    Files.createSymbolicLink(checkpoint.resolve("merges.txt"), inside.resolve("merges.txt"));
    Path merged = folder.resolve("merged");
    CheckpointCopy.copy(checkpoint, merged);
    List<String> names;
    try (Stream<Path> list = Files.list(merged)) {
      names = list.map(file -> file.getFileName().toString()).sorted().toList();
    }
    assertTrue(names.contains("tokenizer.json") && names.contains("merges.txt"), names.toString());
    assertFalse(names.contains("training_args.json"), names.toString());
    assertFalse(names.contains("passwords.txt"), names.toString());
    assertFalse(names.contains("config.json"), names.toString());
    assertFalse(Files.isSymbolicLink(merged.resolve("merges.txt")));
  }

  /** As huggingface_hub lays it out: every file a link to a blob named by its digest. */
  private Path cached() throws IOException {
    Path repository = folder.resolve("hub/models--Qwen--tiny");
    Path blobs = Files.createDirectories(repository.resolve("blobs"));
    Path snapshot = Files.createDirectories(repository.resolve("snapshots/0123abcd"));
    Path named = Files.createDirectory(snapshot.resolve("additional_chat_templates"));
    try (Stream<Path> files = Files.list(TinyCheckpoint.folder())) {
      for (Path file : files.toList()) {
        Path blob = blobs.resolve(new Sha256().add(Files.readAllBytes(file)).hex());
        Files.copy(file, blob);
        Files.createSymbolicLink(
            snapshot.resolve(file.getFileName()),
            Path.of("..", "..", "blobs", blob.getFileName().toString()));
      }
    }
    Path template = Files.writeString(blobs.resolve("feed"), "{{ messages }}");
    Files.createSymbolicLink(
        named.resolve("other.jinja"),
        Path.of("..", "..", "..", "blobs", template.getFileName().toString()));
    return snapshot;
  }

  @Test
  void cachesOfTheHubConsistOfLinksAndAreCopied() throws IOException {
    Path snapshot = cached();
    Path link = Files.createSymbolicLink(folder.resolve("model"), snapshot);
    for (Path checkpoint : List.of(snapshot, link)) {
      Path merged = folder.resolve("merged-" + checkpoint.getFileName());
      CheckpointCopy.copy(checkpoint, merged);
      assertArrayEquals(
          Files.readAllBytes(TinyCheckpoint.folder().resolve("tokenizer.json")),
          Files.readAllBytes(merged.resolve("tokenizer.json")));
      assertEquals(
          "{{ messages }}",
          Files.readString(merged.resolve("additional_chat_templates/other.jinja")));
      assertFalse(Files.isSymbolicLink(merged.resolve("tokenizer.json")));
    }
    Path other = Files.createDirectories(folder.resolve("hub/models--other/blobs"));
    Path blob = Files.writeString(other.resolve("beef"), "of another repository");
    Path stranger = Files.createSymbolicLink(snapshot.resolve("added_tokens.json"), blob);
    assertRefused(snapshot, stranger, blob);
  }
}
