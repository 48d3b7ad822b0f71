package org.equipoise.mbpo.storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFilesTest {
  @TempDir Path folder;

  @Test
  void replacesAndMakesFolders() {
    Path file = folder.resolve("a/b/file.txt");
    AtomicFiles.write(file, "one");
    AtomicFiles.write(file, "two, longer");
    assertEquals("two, longer", AtomicFiles.readText(file));
    AtomicFiles.writeUnsynced(file, new byte[] {'3'});
    assertEquals("3", AtomicFiles.readText(file));
    assertEquals(1, file.getParent().toFile().list().length);
  }

  @Test
  void aWriterThatFailsLeavesTheOldFileAndNothingElse() {
    Path file = folder.resolve("file.txt");
    AtomicFiles.write(file, "old");
    StorageException failure =
        assertThrows(
            StorageException.class,
            () ->
                AtomicFiles.write(
                    file,
                    channel -> {
                      channel.write(ByteBuffer.wrap(new byte[100]));
                      throw new IOException("No space left on device");
                    }));
    assertEquals(
        "cannot write "
            + file
            + ": the disk is full; free some space and run again, finished work is kept",
        failure.getMessage());
    assertEquals("old", AtomicFiles.readText(file));
    assertEquals(1, folder.toFile().list().length);
  }

  @Test
  void causesBecomeSentences() {
    Path file = folder.resolve("file");
    assertEquals(
        "cannot write " + file + ": permission denied; choose a folder that this user may write",
        StorageException.of("write", file, new AccessDeniedException("x")).getMessage());
    assertEquals(
        "cannot write " + file + ": the file system is read-only; choose another folder",
        StorageException.of(
                "write", file, new FileSystemException("x", null, "Read-only file system"))
            .getMessage());
    assertEquals(
        "cannot read " + file + ": no such file or folder",
        assertThrows(StorageException.class, () -> AtomicFiles.read(file)).getMessage());
  }

  @Test
  void aFileWhereAFolderIsNeeded() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "");
    StorageException failure =
        assertThrows(StorageException.class, () -> AtomicFiles.write(file.resolve("x"), "1"));
    assertEquals(
        "cannot create folder " + file + ": a file stands where a folder is needed",
        failure.getMessage());
  }

  @Test
  void appendDropsWhatIsBeyondTheRecordedLength() {
    Path file = folder.resolve("log");
    assertEquals(3, AtomicFiles.append(file, 0, new byte[] {'a', 'b', 'c'}));
    assertEquals(4, AtomicFiles.append(file, 2, new byte[] {'d', 'e'}));
    assertEquals("abde", AtomicFiles.readText(file));
  }

  @Test
  void deletesALinkButNotWhatItLeadsTo() throws IOException {
    Path kept = Files.writeString(folder.resolve("kept"), "1");
    Path link = Files.createSymbolicLink(folder.resolve("link"), kept);
    AtomicFiles.delete(link);
    assertFalse(Files.exists(link, LinkOption.NOFOLLOW_LINKS));
    AtomicFiles.delete(link);
    assertEquals("1", AtomicFiles.readText(kept));
  }

  @Test
  void aLinkIsReplacedItself() throws IOException {
    Path secret = Files.writeString(folder.resolve("secret"), "a key");
    Path link = Files.createSymbolicLink(folder.resolve("out"), secret);
    AtomicFiles.write(link, "new");
    assertFalse(Files.isSymbolicLink(link));
    assertEquals("new", AtomicFiles.readText(link));
    assertEquals("a key", AtomicFiles.readText(secret));
  }

  /** Whoever shares the folder knows neither that it is written nor where it lies. */
  @Test
  void unfinishedFilesHaveNamesThatNobodyForetells() throws IOException {
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < 4; i++) {
      AtomicFiles.write(
          folder.resolve("out"), channel -> seen.addAll(Set.of(folder.toFile().list())));
    }
    seen.remove("out");
    assertEquals(4, seen.size(), seen.toString());
    for (String name : seen) {
      Files.writeString(folder.resolve(name), "left by a killed process");
    }
    Path other = Files.writeString(folder.resolve(".equipoise-notes.tmp"), "a user's");
    Path link = folder.resolve(".equipoise-0123456789abcdef.tmp");
    Files.createSymbolicLink(link, other);
    AtomicFiles.deleteUnfinished(folder);
    assertEquals(
        Set.of("out", other.getFileName().toString(), link.getFileName().toString()),
        Set.of(folder.toFile().list()));
  }

  @Test
  void nothingIsAppendedThroughLinks() throws IOException {
    Path secret = Files.writeString(folder.resolve("secret"), "a key");
    Path soft = Files.createSymbolicLink(folder.resolve("soft"), secret);
    Path hard = Files.createLink(folder.resolve("hard"), secret);
    for (Path log : List.of(soft, hard, Files.createDirectory(folder.resolve("folder")))) {
      StorageException refused =
          assertThrows(StorageException.class, () -> AtomicFiles.append(log, 0, new byte[1]));
      assertTrue(
          refused.getMessage().startsWith("cannot append to " + log + ": it "),
          refused.getMessage());
      assertTrue(
          refused.getMessage().endsWith("choose another folder, nothing was changed"),
          refused.getMessage());
      assertThrows(StorageException.class, () -> LineLog.open(log));
    }
    assertEquals("a key", AtomicFiles.readText(secret));
  }

  @Test
  void aNewFileReplacesNone() throws IOException {
    Path file = folder.resolve("file");
    AtomicFiles.writeNew(file, new byte[] {'1'});
    StorageException refused =
        assertThrows(StorageException.class, () -> AtomicFiles.writeNew(file, new byte[] {'2'}));
    assertEquals(
        "cannot write " + file + ": another file was put there meanwhile", refused.getMessage());
    assertEquals("1", AtomicFiles.readText(file));
    assertEquals(1, folder.toFile().list().length);
  }
}
