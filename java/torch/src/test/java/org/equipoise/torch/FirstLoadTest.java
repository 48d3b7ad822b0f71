package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.kernels.NativeCache;
import org.equipoise.torch.adapter.TorchAdapter;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Fresh processes: with an empty cache of unpacked libraries, and with too little of something. */
class FirstLoadTest {
  private static final int PROCESSES = Proof.count(4, 2);
  private static final int ROUNDS = Proof.count(10, 1);

  @TempDir Path folder;

  /** Loads everything, or says why not. */
  static final class Start {
    public static void main(String[] arguments) {
      try {
        Equipoise.initialize();
        System.out.println("loaded");
      } catch (RuntimeException failure) {
        System.out.println(failure.getClass().getSimpleName() + ": " + failure.getMessage());
      }
    }
  }

  /** Unpacks, loads, and says whether loading has unpacked more, of whichever process. */
  static final class UnpackThenLoad {
    public static void main(String[] arguments) throws IOException {
      NativeCache.unpack(torch.class, TorchAdapter.class);
      List<String> unpacked = libraries();
      Equipoise.initialize();
      List<String> loaded = libraries();
      System.out.println(
          unpacked.equals(loaded)
              ? "loaded what was unpacked"
              : "unpacked " + unpacked + ", then " + loaded);
    }

    private static List<String> libraries() throws IOException {
      try (Stream<Path> files = Files.walk(Loader.getCacheDir().toPath())) {
        return files
            .filter(file -> Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS))
            .map(file -> file.getFileName().toString())
            // Those of equipoise-kernels have been loaded by themselves before.
            .filter(name -> name.contains(".so") && !name.contains("quipoise"))
            .sorted()
            .toList();
      }
    }
  }

  @BeforeEach
  void onLinux() {
    assumeTrue(Loader.getPlatform().startsWith("linux"), "ulimit and ELF libraries are Linux's");
  }

  private Process start(
      Path output, String limit, Map<String, String> environment, Class<?> main, String... options)
      throws IOException {
    List<String> java = new ArrayList<>();
    java.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    java.addAll(List.of("-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    java.addAll(List.of("-XX:ReservedCodeCacheSize=64m", "-XX:CompressedClassSpaceSize=64m"));
    java.addAll(List.of(options));
    java.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    List<String> command = new ArrayList<>(List.of("sh", "-c", limit + " exec \"$@\"", "sh"));
    command.addAll(java);
    ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
    builder.environment().put("MALLOC_ARENA_MAX", "1");
    builder.environment().putAll(environment);
    return builder.redirectErrorStream(true).redirectOutput(output.toFile()).start();
  }

  private String run(
      String limit, Map<String, String> environment, Class<?> main, String... options)
      throws IOException, InterruptedException {
    Path output = folder.resolve("output.txt");
    start(output, limit, environment, main, options).waitFor();
    return Files.readString(output).strip();
  }

  private String cache(String name) {
    return "-Dorg.bytedeco.javacpp.cachedir=" + folder.resolve(name);
  }

  /** Unpacked before: then no process ever writes what another one maps. */
  @Test
  void processesMayStartAtOnceWithAnEmptyCache() throws Exception {
    for (int round = 0; round < ROUNDS; round++) {
      List<Process> processes = new ArrayList<>();
      List<Path> outputs = new ArrayList<>();
      for (int i = 0; i < PROCESSES; i++) {
        Path output = folder.resolve("output-" + i);
        outputs.add(output);
        processes.add(start(output, "", Map.of(), UnpackThenLoad.class, cache("cache-" + round)));
      }
      for (int i = 0; i < PROCESSES; i++) {
        int status = processes.get(i).waitFor();
        assertEquals(
            "loaded what was unpacked",
            Files.readString(outputs.get(i)).strip(),
            "exit code " + status);
      }
      delete(folder.resolve("cache-" + round));
    }
  }

  @Test
  void aFullDiskIsSaid() throws Exception {
    // No file may be larger than 64 KiB, which none of the libraries keeps to.
    String said = run("ulimit -f 128;", Map.of(), Start.class, cache("cache"));
    assertTrue(
        said.matches(
            "NativeLoadException: cannot unpack lib\\S+ of \\d+ MiB into \\S+cache, where \\d+ MiB"
                + " are free: File too large; make room there, or name another folder with"
                + " -Dorg\\.bytedeco\\.javacpp\\.cachedir=<folder>"),
        said);
  }

  @Test
  void tooLittleAddressSpaceIsSaid() throws Exception {
    String said = run("ulimit -v 1048576;", Map.of(), Start.class);
    assertTrue(
        said.matches(
            "NativeLoadException: cannot load LibTorch: it needs \\d+ MiB of address space; this"
                + " process may use 1024 MiB \\(ulimit -v\\), of which \\d+ are in use; raise the"
                + " limit, for example with \"ulimit -v unlimited\", or make the Java heap"
                + " smaller"),
        said);
  }

  @Test
  void idleThreadsSleepUnlessTheUserSaysOtherwise() throws Exception {
    assertTrue(openMp(Map.of()).contains("GOMP_SPINCOUNT = '0'"));
    assertTrue(openMp(Map.of("GOMP_SPINCOUNT", "77")).contains("GOMP_SPINCOUNT = '77'"));
  }

  /** What OpenMP says about its settings when it is loaded. */
  private String openMp(Map<String, String> users) throws Exception {
    Map<String, String> environment = new HashMap<>(users);
    environment.put("OMP_DISPLAY_ENV", "VERBOSE");
    String without = users.isEmpty() ? "unset OMP_WAIT_POLICY GOMP_SPINCOUNT;" : "";
    return run(without, environment, Start.class);
  }

  private static void delete(Path tree) throws IOException {
    try (Stream<Path> files = Files.walk(tree)) {
      files.map(Path::toFile).sorted(Comparator.reverseOrder()).forEach(File::delete);
    }
  }
}
