package org.equipoise.mbpo.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.equipoise.mbpo.storage.FaultPoints;

/**
 * Starts a program in processes of its own, kills them, and compares run folders. The program takes
 * the run folder as its last argument.
 */
public final class KillHarness {
  private static final long PATIENCE_SECONDS = 900;

  private final Path logs;
  private final List<String> virtualMachineArguments;
  private final List<String> program;

  /**
   * @param logs where the output of the processes goes
   * @param virtualMachineArguments for example the heap size
   * @param program main class and its arguments without the run folder
   */
  public KillHarness(Path logs, List<String> virtualMachineArguments, List<String> program) {
    this.logs = logs;
    this.virtualMachineArguments = virtualMachineArguments;
    this.program = program;
  }

  /** Runs to the end and requires success. */
  public void complete(Path folder) throws IOException, InterruptedException {
    Process process = start(folder, 0);
    assertEquals(0, await(process), () -> "a run that nobody kills must succeed" + log());
  }

  /**
   * Lets the process die at a numbered file operation.
   *
   * @return where that was, for example {@code "between write and rename"}; empty if it ended
   *     before
   */
  public Optional<String> dieAt(Path folder, long operation)
      throws IOException, InterruptedException {
    int exit = await(start(folder, operation));
    assertTrue(
        exit == FaultPoints.EXIT_CODE || exit == 0, () -> "unexpected exit code " + exit + log());
    return log().lines().filter(line -> line.startsWith("halted ")).findFirst();
  }

  /**
   * Sends SIGKILL once the run folder holds so many files: how long that takes depends on what else
   * runs on the machine, and what the process does at that moment on chance. False if it had ended
   * before.
   */
  public boolean killAtFiles(Path folder, long count) throws IOException, InterruptedException {
    Process process = start(folder, 0);
    while (fileCount(folder) < count) {
      if (process.waitFor(1, TimeUnit.MILLISECONDS)) {
        assertEquals(0, process.exitValue(), this::log);
        return false;
      }
    }
    process.destroyForcibly();
    return await(process) == 137;
  }

  /** As far as they can be counted while another process makes and renames them. */
  public static long fileCount(Path folder) {
    try (Stream<Path> walk = Files.walk(folder)) {
      return walk.filter(Files::isRegularFile).count();
    } catch (IOException | UncheckedIOException e) {
      return 0;
    }
  }

  private Process start(Path folder, long dieAtOperation) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // It ends before what the optimising compiler makes of it would pay.
    command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
    command.addAll(virtualMachineArguments);
    command.add("-D" + FaultPoints.PROPERTY + "=" + dieAtOperation);
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.addAll(program);
    command.add(folder.toString());
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(logs.resolve("log.txt").toFile())
        .start();
  }

  private int await(Process process) throws InterruptedException {
    if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError("a process did not end within " + PATIENCE_SECONDS + " s" + log());
    }
    return process.exitValue();
  }

  /** Output of the last process. */
  public String log() {
    try {
      return "\n" + Files.readString(logs.resolve("log.txt"));
    } catch (IOException e) {
      return "\n(no output: " + e + ")";
    }
  }

  /** Requires that two run folders hold the same files with the same bytes. */
  public static void assertSameFiles(Path expected, Path found, String when) throws IOException {
    TreeMap<String, Path> want = files(expected);
    TreeMap<String, Path> have = files(found);
    assertEquals(want.keySet(), have.keySet(), "files after a run " + when);
    List<String> differences = new ArrayList<>();
    for (String name : want.keySet()) {
      byte[] wanted = Files.readAllBytes(want.get(name));
      byte[] had = Files.readAllBytes(have.get(name));
      int at = Arrays.mismatch(wanted, had);
      if (at >= 0) {
        differences.add(name + ": expected " + around(wanted, at) + ", found " + around(had, at));
      }
    }
    assertEquals(List.of(), differences, "after a run " + when);
  }

  /** What stands at and around a byte. */
  private static String around(byte[] bytes, int at) {
    int from = Math.max(0, at - 60);
    int to = Math.min(bytes.length, at + 20);
    return "'" + new String(bytes, from, to - from, StandardCharsets.UTF_8) + "'";
  }

  /** All but what holds a process id, durations, times of files and the order of their names. */
  private static TreeMap<String, Path> files(Path folder) throws IOException {
    TreeMap<String, Path> files = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(folder)) {
      walk.filter(Files::isRegularFile)
          .forEach(file -> files.put(folder.relativize(file).toString(), file));
    }
    files.remove(".run/lock");
    files.remove(".run/journal.jsonl");
    files.remove(".run/digests.jsonl");
    files.remove(".run/written.jsonl");
    return files;
  }
}
