package org.equipoise.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Fresh processes, since JavaCPP looks for its cache once in each. */
class NativeCacheTest {
  private static final String LIBRARY = "org/equipoise/kernels/abi/some-platform/libx.so";

  /** What archives that are built alike give each of their entries. */
  private static final long TIME = 1_700_000_000_000L;

  @TempDir Path temporary;

  private Path folder;
  private Path cache;

  @BeforeEach
  void onUnix() throws IOException {
    assumeTrue(
        FileSystems.getDefault().supportedFileAttributeViews().contains("unix"),
        "no Unix permissions here");
    folder = temporary.toRealPath();
    cache = folder.resolve("cache");
  }

  /** Unpacks JavaCPP's own library, and says so or why not. */
  static final class Unpack {
    public static void main(String[] arguments) {
      try {
        NativeCache.unpack(Loader.class);
        System.out.println("unpacked");
      } catch (NativeLoadException failure) {
        System.out.println(failure.getMessage());
      }
    }
  }

  /** Unpacks one library and says where it is. */
  static final class UnpackOne {
    public static void main(String[] arguments) throws Exception {
      UnpackedLibrary library = new UnpackedLibrary(URI.create(arguments[0]).toURL());
      System.out.println(library.into(CacheFolder.require()));
    }
  }

  private String run(Class<?> main, List<String> options, String... arguments) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx64m", "-XX:TieredStopAtLevel=1"));
    command.add("-Dorg.bytedeco.javacpp.cachedir=" + cache);
    command.addAll(options);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    command.addAll(List.of(arguments));
    Path output = folder.resolve("output.txt");
    new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(output.toFile())
        .start()
        .waitFor();
    return Files.readString(output).strip();
  }

  /** An archive with one library of ours. */
  private Path jar(String contents) throws IOException {
    Path jar = folder.resolve("kernels.jar");
    try (OutputStream file = Files.newOutputStream(jar);
        JarOutputStream entries = new JarOutputStream(file)) {
      JarEntry entry = new JarEntry(LIBRARY);
      entry.setTime(TIME);
      entries.putNextEntry(entry);
      entries.write(contents.getBytes(StandardCharsets.UTF_8));
    }
    return jar;
  }

  private static String url(Path jar) {
    return "jar:" + jar.toUri() + "!/" + LIBRARY;
  }

  private static String permissions(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  private static List<Path> entries(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.toList();
    }
  }

  @Test
  void theCacheIsMadeForTheUserOnlyAndFoundAgain() throws Exception {
    assertEquals("unpacked", run(Unpack.class, List.of()));
    assertEquals("rwx------", permissions(cache));
    assertEquals("unpacked", run(Unpack.class, List.of()));
  }

  @Test
  void nothingIsWrittenIntoACacheThatAnybodyCanWrite() throws Exception {
    Files.createDirectory(cache);
    Files.setPosixFilePermissions(cache, PosixFilePermissions.fromString("rwxrwxrwx"));
    String said = run(Unpack.class, List.of());
    assertTrue(
        said.startsWith(
            "native libraries are not loaded from " + cache + ": others can write into " + cache),
        said);
    assertTrue(
        said.endsWith(
            "; close it with \"chmod -R go-w "
                + cache
                + "\", or name another folder with -Dorg.bytedeco.javacpp.cachedir=<folder>"),
        said);
    assertEquals(List.of(), entries(cache));
    assertEquals("unpacked", run(Unpack.class, List.of("-Dorg.equipoise.sharedCache=true")));
  }

  /** As somebody makes it in /tmp who waits for a user without a home folder. */
  @Test
  void theFolderThatJavaCppFallsBackToIsLookedAtToo() throws Exception {
    Path file = Files.createFile(folder.resolve("no-folder"));
    Path trap =
        Files.createDirectories(
            folder.resolve(".javacpp-" + System.getProperty("user.name") + "/cache"));
    Files.setPosixFilePermissions(trap, PosixFilePermissions.fromString("rwxrwxrwx"));
    cache = file;
    String said = run(Unpack.class, List.of("-Duser.home=" + file, "-Djava.io.tmpdir=" + folder));
    assertTrue(said.startsWith("native libraries are not loaded from " + trap + ": "), said);
  }

  /** Another user may have made the folders before, and let one lead to where we may write. */
  @Test
  void nothingIsWrittenThroughFoldersOfAnotherUser() throws Exception {
    Path jar = jar("today");
    Path target = Files.createDirectory(folder.resolve("somewhere"));
    Path trap = Files.createDirectories(cache.resolve("kernels.jar/org"));
    Files.createSymbolicLink(trap.resolve("equipoise"), target);
    assumeTrue(Files.getAttribute(trap, "unix:uid").equals(0), "only the superuser can");
    Files.setAttribute(trap, "unix:uid", 12345);
    String said = run(UnpackOne.class, List.of(), url(jar));
    assertTrue(said.contains(trap + " (owner 12345, mode 755) belongs to another user"), said);
    try (Stream<Path> files = Files.walk(target)) {
      assertEquals(0, files.filter(Files::isRegularFile).count());
    }
  }

  /** JavaCPP looks at size and time only, which are those of any build. */
  @Test
  void aLibraryOfOursIsWhatTheJarHolds() throws Exception {
    byte[] ours = "today".getBytes(StandardCharsets.UTF_8);
    byte[] older = "then.".getBytes(StandardCharsets.UTF_8);
    String url = url(jar("today"));
    Path unpacked = Path.of(run(UnpackOne.class, List.of(), url));
    assertEquals(cache.resolve("kernels.jar").resolve(LIBRARY), unpacked);
    assertArrayEquals(ours, Files.readAllBytes(unpacked));
    assertEquals("rwx------", permissions(cache.resolve("kernels.jar")));
    FileTime time = Files.getLastModifiedTime(unpacked);

    Files.write(unpacked, older);
    Files.setLastModifiedTime(unpacked, time);
    assertEquals(unpacked.toString(), run(UnpackOne.class, List.of(), url));
    assertArrayEquals(ours, Files.readAllBytes(unpacked));
    assertEquals(time, Files.getLastModifiedTime(unpacked));
    assertEquals(List.of(unpacked), entries(unpacked.getParent()));
  }
}
