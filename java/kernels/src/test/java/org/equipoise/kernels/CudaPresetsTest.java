package org.equipoise.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is missing for CUDA is named with its remedy, and the CPU misses none of it. */
class CudaPresetsTest {
  private static final String ARTIFACT = "org.bytedeco:cuda:" + NativeLibrary.CUDA_PRESETS_VERSION;

  @TempDir Path folder;

  /** Every op on the CPU, then what streams say. */
  static final class Program {
    public static void main(String[] arguments) {
      for (KernelCase kernel : KernelCase.all()) {
        try (Launch launch = Launch.of(null, 0, null)) {
          kernel.run(kernel.views(kernel.memory(DataType.F32, DataType.F32), DataType.F32), launch);
        }
        System.out.println(kernel);
      }
      if (arguments.length > 0) {
        for (Runnable call :
            new Runnable[] {
              () -> CudaStream.on(0), () -> CudaEvent.on(0), () -> CudaStream.on(0)
            }) {
          try {
            call.run();
            System.out.println("done");
          } catch (DeviceException e) {
            System.out.println(e.getMessage());
          }
        }
        System.out.println(Equipoise.info());
      }
    }
  }

  /**
   * Runs the program in a virtual machine of its own, with the entries of the class path wanted.
   */
  private List<String> run(Predicate<String> wanted, String option, String... arguments)
      throws Exception {
    String classPath =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .filter(wanted)
            .collect(Collectors.joining(File.pathSeparator));
    Path output = folder.resolve("output.txt");
    List<String> command =
        new java.util.ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-XX:TieredStopAtLevel=1",
                option,
                "-cp",
                classPath,
                Program.class.getName()));
    command.addAll(List.of(arguments));
    int exit =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start()
            .waitFor();
    List<String> lines = Files.readAllLines(output, StandardCharsets.UTF_8);
    assertEquals(0, exit, () -> String.join("\n", lines));
    List<String> kernels = KernelCase.all().stream().map(KernelCase::toString).toList();
    assertEquals(kernels, lines.stream().filter(kernels::contains).toList());
    return lines;
  }

  private static boolean isPresets(String entry) {
    return new File(entry).getName().startsWith("cuda-" + NativeLibrary.CUDA_PRESETS_VERSION);
  }

  @Test
  void theCpuLoadsNoClassOfCuda() throws Exception {
    Path log = folder.resolve("classes.txt");
    run(entry -> true, "-Xlog:class+load:file=" + log);
    List<String> classes = Files.readAllLines(log, StandardCharsets.UTF_8);
    assertTrue(classes.stream().anyMatch(line -> line.contains("org.equipoise.kernels.Launch ")));
    assertEquals(
        List.of(),
        classes.stream()
            .filter(
                line ->
                    line.contains("org.bytedeco.cuda")
                        || line.contains("org.equipoise.kernels.Cuda")
                            && !line.contains("CudaPresetsTest"))
            .toList());
  }

  @Test
  void withoutTheJarTheCpuWorksAndStreamsNameIt() throws Exception {
    List<String> lines = run(entry -> !isPresets(entry), "-Xshare:auto", "streams");
    String expected =
        "CUDA streams need JavaCPP's CUDA presets, which are not on the class path; add the"
            + " dependency "
            + ARTIFACT
            + " and the same with the classifier "
            + Loader.getPlatform();
    assertEquals(3, lines.stream().filter(expected::equals).count(), String.join("\n", lines));
    assertTrue(lines.contains("cuda streams: " + expected), String.join("\n", lines));
  }

  @Test
  void withoutTheNativeLibraryStreamsNameIt() throws Exception {
    List<String> lines =
        run(
            entry -> !isPresets(entry) || !entry.endsWith(Loader.getPlatform() + ".jar"),
            "-Dorg.bytedeco.javacpp.cachedir=" + folder.resolve("cache"),
            "streams");
    List<String> found =
        lines.stream()
            .filter(
                line ->
                    line.startsWith(
                            "the native library of JavaCPP's CUDA presets cannot be loaded: ")
                        && line.endsWith(
                            "; add the dependency "
                                + ARTIFACT
                                + " with the classifier "
                                + Loader.getPlatform()))
            .toList();
    assertEquals(3, found.size(), String.join("\n", lines));
    assertTrue(lines.contains("cuda streams: " + found.get(0)), String.join("\n", lines));
  }

  @Test
  void missingLibrariesAreNamedWithTheirRemedy() {
    assertTrue(
        CudaPresets.missingLibrary(
                "linux-x86_64", "libcuda.so.1: cannot open shared object file: No such file")
            .startsWith(
                "no NVIDIA driver is installed (libcuda.so.1: cannot open shared object file: No"
                    + " such file); install NVIDIA driver 580 or newer"));
    assertTrue(
        CudaPresets.missingLibrary(
                "linux-x86_64", "libcudart.so.13: cannot open shared object file: No such file")
            .endsWith(
                "; install the CUDA 13 runtime where the loader finds it, or add the dependency "
                    + ARTIFACT
                    + " with the classifier linux-x86_64-redist"));
    assertTrue(
        CudaPresets.missingLibrary("linux-x86_64", null).contains("with the classifier linux"));
  }

  @Test
  void driversAndDevicesAreNamedWithTheirRemedy() {
    assertNull(CudaPresets.describe(13000, 13010, 0));
    assertTrue(
        CudaPresets.describe(0, 13010, 35)
            .startsWith(
                "no NVIDIA driver is installed (CUDA error 35); install NVIDIA driver 580 or"
                    + " newer"));
    assertTrue(
        CudaPresets.describe(12080, 13010, 35)
            .startsWith(
                "the NVIDIA driver serves CUDA 12.8, the CUDA presets need 13.0 (runtime 13.1, CUDA"
                    + " error 35); install NVIDIA driver 580 or newer"));
    assertTrue(
        CudaPresets.describe(13000, 13000, 100)
            .startsWith("no CUDA device is visible (CUDA error"));
  }

  /** Where a device can be used the status names the runtime; elsewhere a stream says the same. */
  @Test
  void streamsAndInfoAgree() {
    String status = CudaPresets.status();
    assertTrue(Equipoise.info().endsWith("\ncuda streams: " + status), Equipoise.info());
    assertTrue(Equipoise.info().lines().anyMatch(line -> line.startsWith("cuda: ")));
    assertEquals(1, status.lines().count());
    if (status.startsWith("CUDA presets, runtime ")) {
      CudaStream.on(0).close();
    } else {
      assertEquals(
          status, assertThrows(DeviceException.class, () -> CudaStream.on(0)).getMessage());
    }
  }
}
