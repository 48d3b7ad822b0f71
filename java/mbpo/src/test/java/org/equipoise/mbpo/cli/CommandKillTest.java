package org.equipoise.mbpo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.equipoise.mbpo.checkpoint.TinyCheckpoint;
import org.equipoise.mbpo.run.KillHarness;
import org.equipoise.mbpo.storage.FaultPoints;
import org.equipoise.mbpo.storage.LineLog;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code mine} and {@code train} as users start them, killed in one virtual machine and gone on
 * with in another: with the same files at the end, and nothing finished done again. What differs
 * from one machine to the next, such as the order of immutable maps, must not count.
 */
class CommandKillTest {
  @TempDir Path folder;

  @BeforeEach
  void files() throws IOException {
    Equipoise.threads(1);
    StringBuilder yes = new StringBuilder();
    StringBuilder no = new StringBuilder();
    for (int i = 0; i < 4; i++) {
      Files.copy(TinyCheckpoint.resource("image-" + i + ".png"), folder.resolve(i + ".png"));
      yes.append(sample(i, "yes"));
      no.append(sample(i, "no"));
    }
    Files.writeString(folder.resolve("yes.jsonl"), yes);
    Files.writeString(folder.resolve("no.jsonl"), no);
    Files.writeString(
        folder.resolve("run.yaml"),
        """
        threads: 1
        model: {folder: "%s", type: FLOAT32}
        mine:
          steps: 2
          keepShare: 1
          preview: 1
          epsilonIn255ths: 64
          options:
            batchSize: 1
            requireFinished: false
            maximumEditSimilarity: 1
            generation: {maxNewTokens: 2}
        train:
          method: SFT
          checkpointEvery: 2
          sft: {steps: 6, batchSize: 2, optimizer: {learningRate: 0.05}}
        """
            .formatted(TinyCheckpoint.folder()));
  }

  private static String sample(int image, String answer) {
    return "{\"image\": \"%d.png\", \"question\": \"is there a dog ?\", \"answer\": \"%s\"}\n"
        .formatted(image, answer);
  }

  /** What learnt to say yes gives pairs of what it denies. */
  @Test
  void trainingGoesOnFromItsCheckpointAndMiningAfterItsLastPair() throws Exception {
    Killed training = killed("train", 0.7, "yes.jsonl");
    assertTrue(
        training.log().contains("train: starts, it was interrupted and goes on"), training.log());
    assertTrue(
        training.before().containsKey("train/checkpoint.safetensors"),
        "it must have been killed after its first checkpoint");

    Killed mining = killed("mine", 0.8, "no.jsonl", "--set=model.adapter=" + training.adapter());
    assertTrue(mining.log().contains("preview: done by an earlier run"), mining.log());
    assertTrue(
        mining.log().contains("mine hard negatives: starts, it was interrupted and goes on"),
        mining.log());
    assertTrue(mining.mined() > 0, "it must have been killed after its first batch");
    Map<String, FileTime> kept = new TreeMap<>(mining.before());
    String images = "mine/preferences/images.*/no-[1-" + mining.mined() + "][.]png";
    kept.keySet().removeIf(name -> !name.matches("preview/.*|mine/gains[.]json|" + images));
    assertTrue(kept.containsKey("mine/gains.json"), kept.toString());
    assertTrue(kept.containsKey("mine/preferences/images/no-1.png"), kept.toString());
    kept.forEach((name, time) -> assertEquals(time, mining.after().get(name), name));
  }

  /**
   * @param before times of files at the death
   * @param after times of files at the end
   * @param mined batches of mining that were whole at the death
   * @param log of the process that went on
   */
  private record Killed(
      Map<String, FileTime> before,
      Map<String, FileTime> after,
      int mined,
      String log,
      Path adapter) {}

  /** The whole in this machine; a part of it in another, which dies, and the rest in this one. */
  private Killed killed(String command, double part, String samples, String... more)
      throws Exception {
    List<String> arguments = new ArrayList<>(List.of(command));
    arguments.add("--set=data.samples=" + folder.resolve(samples));
    arguments.addAll(List.of(more));
    arguments.addAll(List.of("--config", folder.resolve("run.yaml").toString(), "--out"));
    Path whole = folder.resolve(command + "-whole");
    List<String> complete = new ArrayList<>(arguments);
    complete.add(whole.toString());
    long before = FaultPoints.passed();
    complete(complete);
    long operations = FaultPoints.passed() - before;
    arguments.add(0, EquipoiseCommand.class.getName());
    KillHarness harness = new KillHarness(folder, List.of("-Xmx256m"), arguments);
    Path run = folder.resolve(command + "-killed");
    String place = harness.dieAt(run, Math.round(part * operations)).orElseThrow();
    Map<String, FileTime> atDeath = times(run);
    int mined = LineLog.read(run.resolve("mine/preferences/mining.jsonl")).size() - 1;
    Path metrics = run.resolve("train/metrics.csv");
    if (Files.exists(metrics)) {
      Files.writeString(metrics, "step,damaged\n");
    }
    complete.set(complete.size() - 1, run.toString());
    String log = complete(complete);
    KillHarness.assertSameFiles(whole, run, command + " " + place);
    return new Killed(atDeath, times(run), mined, log, whole.resolve("train/adapter"));
  }

  /** Runs to the end in this machine and gives what it said about its stages. */
  private static String complete(List<String> arguments) {
    PrintStream console = System.err;
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    System.setErr(new PrintStream(said, true, StandardCharsets.UTF_8));
    try {
      assertEquals(
          ExitCode.OK, EquipoiseCommand.execute(arguments.toArray(String[]::new)), said::toString);
    } finally {
      System.setErr(console);
    }
    return said.toString(StandardCharsets.UTF_8);
  }

  private static Map<String, FileTime> times(Path root) throws IOException {
    Map<String, FileTime> times = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(root)) {
      for (Path file : walk.filter(Files::isRegularFile).toList()) {
        times.put(root.relativize(file).toString(), Files.getLastModifiedTime(file));
      }
    }
    return times;
  }
}
