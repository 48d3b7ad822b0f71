package org.equipoise.mbpo.storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileDigestsTest {
  /** SHA-256 of no bytes. */
  private static final String EMPTY =
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

  /** A file that nobody has changed lately. */
  private static final Path OLD = Path.of(System.getProperty("java.home"), "release");

  @TempDir Path folder;

  @Test
  void digestsAreThoseOfSha256sum() throws Exception {
    assertEquals(EMPTY, FileDigests.of(Files.createFile(folder.resolve("empty"))));
    assertEquals(
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        FileDigests.of(Files.writeString(folder.resolve("abc"), "abc")));
  }

  /** As rsync and tar do: the same size, the same time, other contents. */
  @Test
  void aFileReplacedUnderItsNameSizeAndTimeIsReadAgain() throws Exception {
    Path file = Files.writeString(folder.resolve("a"), "one");
    FileTime time = FileTime.fromMillis(1_000_000_000_000L);
    Files.setLastModifiedTime(file, time);
    String before = FileDigests.of(file);
    Files.writeString(file, "two");
    Files.setLastModifiedTime(file, time);
    assertNotEquals(before, FileDigests.of(file));
    Path other = Files.writeString(folder.resolve("b"), "one");
    Files.setLastModifiedTime(other, time);
    Path link = Files.createSymbolicLink(folder.resolve("link"), file);
    assertNotEquals(before, FileDigests.of(link));
    Files.delete(link);
    Files.createSymbolicLink(link, other);
    assertEquals(before, FileDigests.of(link), "a link counts as what it leads to");
  }

  @Test
  void whatIsKeptIsNotReadAgainUntilSizeOrTimesChange() throws Exception {
    Path kept = folder.resolve("digests.jsonl");
    ObjectNode line = line(OLD);
    Files.writeString(kept, CheckedJson.line(line.deepCopy().put("bytes", 1)) + "\n");
    FileDigests.recall(kept);
    String digest = FileDigests.of(OLD);
    assertEquals(digest, new Sha256().add(Files.readAllBytes(OLD)).hex(), "its size is another");
    assertEquals(0, FileDigests.unknownBytes(List.of(OLD)));
    FileDigests.keep(kept);
    List<String> lines = Files.readAllLines(kept);
    assertTrue(lines.contains(CheckedJson.line(line.put("sha256", digest))), lines.toString());

    Path unread = Path.of(System.getProperty("java.home"), "conf", "net.properties");
    Files.writeString(
        kept,
        CheckedJson.line(line(unread)).replace("e3b0", "e3b1")
            + "\nnonsense\n"
            + CheckedJson.line(line(unread))
            + "\n");
    FileDigests.recall(kept);
    assertEquals(EMPTY, FileDigests.of(unread), "it must not be read");
    assertNotEquals(EMPTY, FileDigests.read(unread), "it must be read");
  }

  private static ObjectNode line(Path file) throws Exception {
    BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
    return Json.MAPPER
        .createObjectNode()
        .put("file", file.toString())
        .put("bytes", attributes.size())
        .put("modified", attributes.lastModifiedTime().toInstant().toString())
        .put("changed", Files.getAttribute(file, "unix:ctime").toString())
        .put("key", attributes.fileKey().toString())
        .put("sha256", EMPTY);
  }
}
