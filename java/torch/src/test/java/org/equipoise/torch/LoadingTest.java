package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.torch.adapter.TorchAdapter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoadingTest {
  @TempDir Path folder;

  /** Prints what a fresh process says to {@code Equipoise.info()}, and whether it says so again. */
  static final class Info {
    public static void main(String[] arguments) {
      try {
        String first = Equipoise.info();
        System.out.println(first);
        System.out.println(
            first.equals(Equipoise.info()) ? "the same again" : "something else again");
      } catch (RuntimeException failure) {
        System.out.println(failure.getClass().getSimpleName() + ": " + failure.getMessage());
      }
    }
  }

  private String info(Map<String, String> environment, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // It ends before what the optimising compiler makes of it would pay.
    command.addAll(List.of("-Xmx256m", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of(arguments));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Info.class.getName()));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putAll(environment);
    File output = folder.resolve("output.txt").toFile();
    builder.redirectErrorStream(true).redirectOutput(output);
    builder.start().waitFor();
    return Files.readString(output.toPath(), StandardCharsets.UTF_8).strip();
  }

  @Test
  void infoNamesVersionsVariantThreadsAndFiles() {
    String info = Equipoise.info();
    for (String fact :
        new String[] {
          "equipoise: ", "cpu variant: ", "threads: ", "cuda: ", "libtorch: ", "openblas threads: "
        }) {
      assertTrue(info.contains(fact), info);
    }
    assertTrue(info.contains("libtorch_cpu"), info);
  }

  /** Reports hold it: they must not depend on what a process did before. */
  @Test
  void infoDoesNotDependOnHowOftenItWasAsked() throws Exception {
    assertEquals("the same again", lastLine(info(Map.of())));
  }

  @Test
  void unwritableCacheFoldersAreNamedWithTheRemedy() throws Exception {
    // A file in place of each folder that JavaCPP falls back to: not even the superuser can write
    // there.
    Path file = Files.writeString(folder.resolve("cache"), "");
    String text =
        lastLine(
            info(
                Map.of(),
                "-Dorg.bytedeco.javacpp.cachedir=" + file,
                "-Duser.home=" + file,
                "-Djava.io.tmpdir=" + file));
    // Which library comes first depends on whether the build gives jars or folders of classes.
    assertTrue(text.startsWith("NativeLoadException: cannot load "), text);
    assertEquals(
        String.format(
            ": none of the folders for extracted native libraries can be written (%1$s,"
                + " %1$s/.javacpp/cache, %1$s/.javacpp-%2$s/cache); make one writable or name"
                + " another with -Dorg.bytedeco.javacpp.cachedir=<folder>",
            file, System.getProperty("user.name")),
        text.substring(text.indexOf(": none of")));
  }

  @Test
  void anUnknownCpuVariantIsRefused() throws Exception {
    String text = lastLine(info(Map.of("EQP_CPU_VARIANT", "sse9")));
    assertTrue(
        text.startsWith("IllegalArgumentException: ")
            && text.contains("EQP_CPU_VARIANT")
            && text.contains("sse9"),
        text);
  }

  @Test
  void anotherVersionOfTheNativeLibraryIsNamed() throws Exception {
    // A jar folder whose version file says 9.9.9, in front of the real one.
    Path version = folder.resolve("jar/org/equipoise/kernels/version.properties");
    Files.createDirectories(version.getParent());
    Files.writeString(version, "version=9.9.9\n");
    String found =
        lastLine(
            info(
                Map.of(),
                "-cp",
                folder.resolve("jar") + File.pathSeparator + System.getProperty("java.class.path"),
                Info.class.getName()));
    String library = EquipoiseAbi.eqp_library_version();
    assertEquals(
        "NativeLoadException: libequipoise of version "
            + library
            + " (ABI 1) was loaded for the jar equipoise-kernels of version 9.9.9 (ABI 1): use the"
            + " jar and the platform jar of one version",
        found);
  }

  @Test
  void theAdapterBindsOneLibTorchOnly() {
    Equipoise.info();
    try (Scalar one = new Scalar(1.0f)) {
      String other = folder.resolve("libtorch_cpu.so").toString();
      assertEquals(EquipoiseAbi.EQP_INVALID_ARGUMENT, TorchAdapter.eqp_torch_load(other, one));
      assertEquals(
          "eqp_torch_load: already bound to " + TorchLibrary.path() + ", asked for " + other,
          TorchAdapter.eqp_torch_last_error());
      assertEquals(EquipoiseAbi.EQP_OK, TorchAdapter.eqp_torch_load(TorchLibrary.path(), one));
    }
    assertThrows(IllegalArgumentException.class, () -> Equipoise.threads(0));
  }

  private static String lastLine(String text) {
    return text.substring(text.lastIndexOf('\n') + 1);
  }
}
