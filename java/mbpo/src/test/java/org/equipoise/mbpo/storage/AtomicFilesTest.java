package org.equipoise.mbpo.storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
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
  void deletesTreesButDoesNotFollowLinks() throws IOException {
    Path kept = Files.writeString(folder.resolve("kept"), "1");
    Files.createDirectories(folder.resolve("tree/deep"));
    Files.createSymbolicLink(folder.resolve("tree/deep/link"), kept);
    Files.createSymbolicLink(folder.resolve("tree/folder"), folder);
    AtomicFiles.deleteTree(folder.resolve("tree"));
    assertFalse(Files.exists(folder.resolve("tree")));
    assertEquals("1", AtomicFiles.readText(kept));
    AtomicFiles.deleteTree(folder.resolve("tree"));
  }
}
