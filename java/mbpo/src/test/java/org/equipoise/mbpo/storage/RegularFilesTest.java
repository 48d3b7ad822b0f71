package org.equipoise.mbpo.storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What may lie where a file is expected, for everything that reads one. */
class RegularFilesTest {
  /** Readers that hang would not come back at all. */
  private static final Duration LONGEST = Duration.ofSeconds(30);

  private static final List<Consumer<Path>> READERS =
      List.of(
          AtomicFiles::read,
          AtomicFiles::readText,
          Json::readObject,
          FileDigests::of,
          FileDigests::read,
          LineLog::read,
          SafetensorsHeader::read,
          SafetensorsFile::read);

  @TempDir Path folder;

  private static void assertRefused(Path file, String found) {
    for (Consumer<Path> reader : READERS) {
      String message =
          assertTimeoutPreemptively(
              LONGEST,
              () -> assertThrows(StorageException.class, () -> reader.accept(file)).getMessage());
      assertTrue(message.contains(file + ": expected a file, found " + found), message);
    }
  }

  @Test
  void pipesAreNotWaitedFor() throws Exception {
    Path pipe = folder.resolve("pipe.json");
    Process maker;
    try {
      maker = new ProcessBuilder("mkfifo", pipe.toString()).start();
    } catch (IOException e) {
      assumeTrue(false, "this system has no mkfifo");
      return;
    }
    assertEquals(0, maker.waitFor());
    assertRefused(pipe, "a pipe; write what comes out of it to a file");
    Path link = Files.createSymbolicLink(folder.resolve("link.json"), pipe);
    assertRefused(link, "a pipe");
  }

  @Test
  void devicesAreNotRead() {
    Path zeros = Path.of("/dev/zero");
    assumeTrue(Files.exists(zeros), "this system has no /dev/zero");
    assertRefused(zeros, "a device");
    assertRefused(Path.of("/dev/null"), "a device");
  }

  @Test
  void foldersAndSockets() throws IOException {
    assertRefused(folder, "a folder");
    // The path of a socket has at most some hundred bytes.
    Path place = Files.createTempDirectory("s").resolve("s");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(place));
      assertRefused(place, "a socket");
    } finally {
      Files.deleteIfExists(place);
      Files.delete(place.getParent());
    }
  }

  /** Caches of the Hub are made of links. */
  @Test
  void linksToFilesAreFollowed() throws IOException {
    Path file = Files.writeString(folder.resolve("blob"), "{\"a\": 1}");
    Path link = Files.createSymbolicLink(folder.resolve("config.json"), file);
    assertEquals(1, Json.readObject(link).path("a").asInt());
  }

  /** It takes no space on the disk, and none in memory. */
  @Test
  void filesThatAreTooLargeAreNotRead() throws IOException {
    Path file = folder.resolve("config.json");
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(1L << 40);
    }
    assertTrue(
        assertThrows(StorageException.class, () -> Json.readObject(file))
            .getMessage()
            .endsWith("config.json: expected at most 67108864 bytes, found 1099511627776"));
  }

  @Test
  void boundsAreExact() throws IOException {
    byte[] bytes = {1, 2, 3};
    Path file = Files.write(folder.resolve("three"), bytes);
    assertArrayEquals(bytes, AtomicFiles.read(file, 3));
    assertThrows(StorageException.class, () -> AtomicFiles.read(file, 2));
    assertEquals(0, AtomicFiles.read(Files.createFile(folder.resolve("none")), 0).length);
  }

  /** Files of the system have content and the size 0. */
  @Test
  void filesThatSayNoSize() throws IOException {
    Path status = Path.of("/proc/self/status");
    assumeTrue(Files.exists(status) && Files.size(status) == 0, "no /proc/self/status here");
    assertTrue(AtomicFiles.readText(status).contains("VmRSS"));
    assertTrue(
        assertThrows(StorageException.class, () -> AtomicFiles.read(status, 10))
            .getMessage()
            .endsWith("expected at most 10 bytes, found more"));
  }
}
