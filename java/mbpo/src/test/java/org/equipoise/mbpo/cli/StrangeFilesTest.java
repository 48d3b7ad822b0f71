package org.equipoise.mbpo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.equipoise.mbpo.checkpoint.TinyCheckpoint;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Paths behind which there is no file, and images of a few bytes that would fill the memory. */
class StrangeFilesTest {
  /** A command that waits for a pipe would wait for ever. */
  private static final Duration LONGEST = Duration.ofSeconds(60);

  private static final String ZEROS = "/dev/zero";

  @TempDir Path folder;
  private final StringWriter err = new StringWriter();

  @BeforeAll
  static void oneThread() {
    Equipoise.threads(1);
  }

  private Path file(String name) {
    return folder.resolve(name);
  }

  private Path pipe(String name) throws Exception {
    try {
      assertEquals(0, new ProcessBuilder("mkfifo", file(name).toString()).start().waitFor());
    } catch (IOException e) {
      assumeTrue(false, "this system has no mkfifo");
    }
    return file(name);
  }

  private int run(String... arguments) {
    err.getBuffer().setLength(0);
    List<String> all = new ArrayList<>(List.of(arguments));
    if (!all.get(0).equals("inspect")) {
      all.add("--set=model.folder=" + TinyCheckpoint.folder());
    }
    return assertTimeoutPreemptively(
        LONGEST,
        () ->
            EquipoiseCommand.commandLine()
                .setOut(new PrintWriter(new StringWriter(), true))
                .setErr(new PrintWriter(err, true))
                .execute(all.toArray(new String[0])));
  }

  private void assertRefused(String expected, String... arguments) {
    assertEquals(ExitCode.FAILURE, run(arguments), err.toString());
    String error = err.toString().lines().filter(l -> l.startsWith("Error: ")).findFirst().get();
    assertTrue(error.contains(expected), error);
  }

  /** Wherever a path is given, and wherever a file of a folder is read. */
  private void assertRefusedEverywhere(String path, String kind) throws IOException {
    String expected = path + ": expected a file, found " + kind;
    String out = "--out=" + file("out");
    String samples = "data.samples=" + file("good.jsonl");
    Files.writeString(file("good.jsonl"), row("image.png"));
    Files.copy(TinyCheckpoint.resource("image-0.png"), file("image.png"));
    assertRefused(expected, "train", "--dry-run", out, "--config=" + path);
    for (String method : List.of("SFT", "DPO")) {
      String data = method.equals("SFT") ? "data.samples=" : "data.pairs=";
      String train = "train.method=" + method;
      assertRefused(expected, "train", "--dry-run", out, "--set", train, "--set", data + path);
    }
    assertRefused(expected, "evaluate", out, "--pope=" + path, "--images=" + folder);
    assertRefused(expected, "mine", "--dry-run", out, "--set", "data.samples=" + path);
    assertRefused(
        expected,
        "mine",
        "--dry-run",
        out,
        "--set",
        samples,
        "--set=mine.source=IMPORTED",
        "--set=mine.answers=" + path);
    assertRefused(expected, "generate", "--dry-run", "--image=" + path, "what ?");
    assertRefused(
        expected, "attack", "--dry-run", out + ".png", "--image=" + path, "--answer=a", "what ?");
    Files.writeString(file("rows.jsonl"), row(path));
    assertRefused(
        expected, "mine", "--dry-run", out, "--set", "data.samples=" + file("rows.jsonl"));
    assertTrue(Files.notExists(file("out")), "nothing was written");
  }

  private static String row(String image) {
    return "{\"image\": \"" + image + "\", \"question\": \"is it ?\", \"answer\": \"yes\"}\n";
  }

  @Test
  void pipes() throws Exception {
    assertRefusedEverywhere(
        pipe("pipe").toString(), "a pipe; write what comes out of it to a file");
  }

  @Test
  void devices() throws IOException {
    assumeTrue(Files.exists(Path.of(ZEROS)), "this system has no " + ZEROS);
    assertRefusedEverywhere(ZEROS, "a device");
  }

  /** A checkpoint from a stranger, whose files are links or pipes. */
  @Test
  void checkpoints() throws Exception {
    for (String name :
        List.of(
            "config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "model.safetensors",
            "preprocessor_config.json",
            "generation_config.json",
            "chat_template.jinja")) {
      Path checkpoint = TinyCheckpoint.copyInto(file("of-" + name));
      Files.deleteIfExists(checkpoint.resolve(name));
      pipe("of-" + name + "/" + name);
      assertRefused(name + ": expected a file, found a pipe", "inspect", checkpoint.toString());
    }
  }

  private Path bitmap(String name, int width, int height) throws IOException {
    ByteBuffer bmp = ByteBuffer.allocate(54).order(ByteOrder.LITTLE_ENDIAN);
    bmp.put("BM".getBytes(StandardCharsets.US_ASCII)).putInt(54).putInt(10, 54).putInt(14, 40);
    bmp.putInt(18, width).putInt(22, height).putShort(26, (short) 1).putShort(28, (short) 24);
    return Files.write(file(name), bmp.array());
  }

  @Test
  void bombs() throws IOException {
    Path bomb = bitmap("bomb.bmp", 60_000, -60_000);
    String expected = bomb + ": expected an image of at most 89478485 pixels, found 60000x60000";
    assertRefused(expected, "generate", "--dry-run", "--image=" + bomb, "what ?");
    Files.writeString(file("rows.jsonl"), row("bomb.bmp"));
    String[] mine = {"mine", "--out=" + file("out"), "--set=data.samples=" + file("rows.jsonl")};
    assertRefused(expected, mine);
    assertTrue(err.toString().contains("rows.jsonl:1: "), err.toString());
    Path small = bitmap("small.bmp", 60, 60);
    assertRefused(
        "expected an image of at most 3599 pixels, found 60x60",
        "generate",
        "--dry-run",
        "--image=" + small,
        "--set=data.limits.imagePixels=3599",
        "what ?");
  }

  @Test
  void longLines() throws IOException {
    Path data = Files.writeString(file("data.jsonl"), row("a.png") + row("x".repeat(300)));
    assertRefused(
        data + ":2: expected a line of at most 200 bytes, found a longer one",
        "mine",
        "--dry-run",
        "--out=" + file("out"),
        "--set=data.limits.lineBytes=200",
        "--set=data.samples=" + data);
  }
}
