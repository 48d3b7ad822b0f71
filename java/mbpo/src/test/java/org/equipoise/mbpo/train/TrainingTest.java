package org.equipoise.mbpo.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.IntFunction;
import java.util.function.IntToDoubleFunction;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.reward.Reward;
import org.equipoise.mbpo.reward.VerifiedReward;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.mbpo.toy.ToyModel;
import org.equipoise.mbpo.toy.ToyTask;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Resuming, micro-batches, cancellation and alarms of all trainers. */
class TrainingTest {
  private static final int STEPS = 12;
  private static final OptimizerOptions OPTIMIZER = OptimizerOptions.adamW(0.003);
  private static final List<Sample> SAMPLES = ToyTask.samples("s", 40, 0.5, 1);
  private static final List<PreferenceRecord> PAIRS = pairs();

  @TempDir Path folder;

  /** One way of training: from a model and a context to a result. */
  private interface Run extends BiFunction<ToyModel, TrainingContext, TrainingResult> {}

  @BeforeAll
  static void oneThread() {
    Equipoise.threads(1);
  }

  private static List<PreferenceRecord> pairs() {
    List<PreferenceRecord> pairs = new ArrayList<>();
    for (Sample sample : SAMPLES) {
      String rejected =
          switch (sample.kind()) {
            case "yn" -> sample.answer().equals("yes") ? "no" : "yes";
            case "mc" -> sample.answer().equals("red") ? "blue" : "red";
            default -> "red and red";
          };
      pairs.add(
          new PreferenceRecord(
              sample.id(),
              sample.images(),
              sample.images(),
              sample.question(),
              sample.answer(),
              rejected,
              sample.kind(),
              null,
              "test",
              Double.NaN,
              new PreferenceRecord.Scores(0, 0, "", "", false),
              Map.of()));
    }
    return pairs;
  }

  private static SftOptions sft() {
    return SftOptions.defaults()
        .withOptimizer(OPTIMIZER)
        .withSteps(STEPS)
        .withBatchSize(7)
        .withBlankImageShare(0.3)
        .withSeed(3);
  }

  private static DpoOptions dpo() {
    return DpoOptions.defaults()
        .withOptimizer(OPTIMIZER)
        .withSteps(STEPS)
        .withBatchPairs(6)
        .withBeta(0.3);
  }

  private static HybridGrpoOptions hybrid() {
    return HybridGrpoOptions.defaults()
        .withOptimizer(OPTIMIZER)
        .withIterations(STEPS)
        .withUpdatesPerIteration(1)
        .withOffline(OfflineOptions.defaults().withPairsPerIteration(4))
        .withOnline(
            OnlineOptions.defaults()
                .withPromptsPerIteration(3)
                .withGroupSize(4)
                .withMaxGroups(2)
                .withTemperature(1)
                .withMaxNewTokens(4))
        .withPolicy(PolicyOptions.defaults().withKlBeta(0.05))
        .withSeed(3);
  }

  private static HybridGrpoTrainer trainer(HybridGrpoOptions options) {
    return new HybridGrpoTrainer(options, VerifiedReward.formatAndAccuracy(ToyTask.VERIFIER));
  }

  /** Rewards of a caller's own. */
  @Test
  void rewardsThatAreNoNumbersAreRefused() {
    assertReward((sample, answer) -> null, "VerifiedReward.judge: expected a value, found null");
    assertReward(
        (sample, answer) -> new Reward(true, true, Double.NaN),
        "VerifiedReward.judge: expected a finite total for sample ");
  }

  private static void assertReward(VerifiedReward reward, String said) {
    try (ToyModel model = new ToyModel(1)) {
      String message =
          assertThrows(
                  IllegalStateException.class,
                  () ->
                      new HybridGrpoTrainer(hybrid(), reward)
                          .train(model, PAIRS, SAMPLES, TrainingContext.defaults()))
              .getMessage();
      assertTrue(message.contains(said), message);
    }
  }

  /** A loss that a task forgets to name, or gives nothing at all. */
  @Test
  void tasksWithoutALossAreRefused() {
    assertTask(null, "TrainingTask.computeGradients: expected a value, found null");
    assertTask(Map.of("reward", 1.0), "TrainingTask.computeGradients: expected loss");
  }

  private static void assertTask(Map<String, Double> metrics, String said) {
    TrainingTask task =
        new TrainingTask() {
          @Override
          public String name() {
            return "own";
          }

          @Override
          public int iterations() {
            return 1;
          }

          @Override
          public String fingerprint() {
            return "own";
          }

          @Override
          public void begin(int iteration) {}

          @Override
          public Map<String, Double> computeGradients(int update) {
            return metrics;
          }
        };
    try (ToyModel model = new ToyModel(1)) {
      String message =
          assertThrows(
                  IllegalStateException.class,
                  () -> TrainingLoop.run(model, OPTIMIZER, task, TrainingContext.defaults()))
              .getMessage();
      assertTrue(message.contains(said), message);
    }
  }

  private static Run run(HybridGrpoOptions options) {
    return (model, context) -> trainer(options).train(model, PAIRS, SAMPLES, context);
  }

  private static Map<String, Run> runs() {
    Map<String, Run> runs = new LinkedHashMap<>();
    runs.put("sft", (model, context) -> new SftTrainer(sft()).train(model, SAMPLES, context));
    runs.put("dpo", (model, context) -> new DpoTrainer(dpo()).train(model, PAIRS, context));
    runs.put("hybrid", run(hybrid()));
    runs.put("hybrid-updates", run(hybrid().withIterations(STEPS / 3).withUpdatesPerIteration(3)));
    runs.put(
        "hybrid-mining",
        run(
            hybrid()
                .withPolicy(
                    PolicyOptions.defaults().withOldPolicy(PolicyOptions.OldPolicy.MINING))));
    return runs;
  }

  private static Map<String, float[]> weights(ToyModel model) {
    Map<String, float[]> weights = new LinkedHashMap<>();
    model.parameters().forEach((name, t) -> weights.put(name, HostTensors.toFloats(t)));
    return weights;
  }

  private static void assertSame(Map<String, float[]> expected, Map<String, float[]> actual) {
    expected.forEach((name, values) -> assertArrayEquals(values, actual.get(name), name));
  }

  /** Interrupted twice, the run ends bitwise where the uninterrupted one ends, history included. */
  @Test
  void resumedRunsAreBitwiseTheSame() {
    runs()
        .forEach(
            (name, run) -> {
              try (ToyModel whole = new ToyModel(1)) {
                TrainingResult expected = run.apply(whole, TrainingContext.defaults());
                assertEquals(STEPS, expected.steps(), name);
                Path checkpoint = folder.resolve(name + ".safetensors");
                for (int stopAfter : new int[] {6, 9}) {
                  try (ToyModel part = new ToyModel(1)) {
                    int[] done = {0};
                    TrainingContext context =
                        TrainingContext.defaults()
                            .withCheckpoint(checkpoint)
                            .withCheckpointEvery(2)
                            .withOnStep(step -> done[0] = step.step() + 1);
                    TrainingResult cut =
                        run.apply(part, context.withCancelled(() -> done[0] >= stopAfter));
                    assertTrue(cut.cancelled(), name);
                  }
                }
                try (ToyModel rest = new ToyModel(1)) {
                  TrainingResult actual =
                      run.apply(
                          rest,
                          TrainingContext.defaults()
                              .withCheckpoint(checkpoint)
                              .withCheckpointEvery(2));
                  assertSame(weights(whole), weights(rest));
                  assertEquals(expected.history(), actual.history(), name);
                }
              }
            });
  }

  /** Killed instead of cancelled: the run goes on from an older checkpoint. */
  @Test
  void aRunThatDiedGoesOnFromItsLastCheckpoint() {
    Run run = runs().get("hybrid");
    Path checkpoint = folder.resolve("died.safetensors");
    try (ToyModel whole = new ToyModel(1);
        ToyModel died = new ToyModel(1);
        ToyModel rest = new ToyModel(1)) {
      run.apply(whole, TrainingContext.defaults());
      TrainingContext dying =
          TrainingContext.defaults()
              .withCheckpoint(checkpoint)
              .withCheckpointEvery(5)
              .withOnStep(
                  step -> {
                    if (step.step() == 8) {
                      throw new IllegalStateException("died");
                    }
                  });
      assertThrows(IllegalStateException.class, () -> run.apply(died, dying));
      assertTrue(Files.exists(checkpoint));
      run.apply(rest, TrainingContext.defaults().withCheckpoint(checkpoint).withCheckpointEvery(5));
      assertSame(weights(whole), weights(rest));
    }
  }

  /** With its fingerprint and checksum, as whoever shares a run can make one. */
  @Test
  void aCheckpointThatTellsNoStepsIsRefused() {
    Path file = folder.resolve("steps.safetensors");
    TrainingContext context =
        TrainingContext.defaults().withCheckpoint(file).withCheckpointEvery(5);
    try (ToyModel model = new ToyModel(1);
        PointerScope scope = new PointerScope()) {
      new SftTrainer(sft()).train(model, SAMPLES, context);
      SafetensorsFile.Contents whole = SafetensorsFile.read(file);
      Map<String, Tensor> steps = new LinkedHashMap<>(whole.tensors());
      steps.put("history", HostTensors.floats(new float[2], 1, 2));
      SafetensorsFile.write(file, steps, whole.metadata());
      assertNoSteps(context);
      Map<String, String> total = new LinkedHashMap<>(whole.metadata());
      total.put("total_steps", "99999999999");
      SafetensorsFile.write(file, whole.tensors(), total);
      assertNoSteps(context);
    }
  }

  private static void assertNoSteps(TrainingContext context) {
    try (ToyModel model = new ToyModel(1)) {
      String message =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> new SftTrainer(sft()).train(model, SAMPLES, context))
              .getMessage();
      assertTrue(message.endsWith("; delete it to start anew"), message);
    }
  }

  @Test
  void aCheckpointOfOtherOptionsOrDataIsRefused() {
    TrainingContext context =
        TrainingContext.defaults()
            .withCheckpoint(folder.resolve("c.safetensors"))
            .withCheckpointEvery(5);
    try (ToyModel model = new ToyModel(1)) {
      new SftTrainer(sft()).train(model, SAMPLES, context);
      assertTrue(
          assertThrows(
                  IllegalArgumentException.class,
                  () -> new SftTrainer(sft().withBatchSize(8)).train(model, SAMPLES, context))
              .getMessage()
              .contains("other options or data"));
      assertThrows(
          IllegalArgumentException.class,
          () -> new SftTrainer(sft()).train(model, SAMPLES.subList(0, 30), context));
    }
  }

  /** Only what they are counts: names, questions and answers are the same. */
  @Test
  void aCheckpointOfOtherStartingWeightsOrImagesIsRefused() {
    TrainingContext context =
        TrainingContext.defaults()
            .withCheckpoint(folder.resolve("c.safetensors"))
            .withCheckpointEvery(5);
    try (ToyModel model = new ToyModel(1)) {
      new SftTrainer(sft()).train(model, SAMPLES, context);
    }
    List<Sample> otherImages = new ArrayList<>(SAMPLES);
    otherImages.set(7, SAMPLES.get(7).withImages(SAMPLES.get(8).images()));
    try (ToyModel model = new ToyModel(1)) {
      assertThrows(
          IllegalArgumentException.class,
          () -> new SftTrainer(sft()).train(model, otherImages, context));
    }
    try (ToyModel model = new ToyModel(1)) {
      try (PointerScope scope = new PointerScope();
          NoGradGuard noGrad = new NoGradGuard()) {
        List<Tensor> tensors = List.copyOf(model.weights().values());
        Tensor flat = tensors.get(tensors.size() - 1).view(-1);
        // The very last value of all.
        flat.narrow(0, flat.numel() - 1, 1).add_(new Scalar(1e-3));
      }
      String refused =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> new SftTrainer(sft()).train(model, SAMPLES, context))
              .getMessage();
      assertTrue(refused.contains("other starting weights"), refused);
    }
  }

  /** A checkpoint that the disk has damaged is not gone on from: the run begins, and says so. */
  @Test
  void damagedFilesOfARunAreMadeAgain() throws Exception {
    Run run = runs().get("dpo");
    Path checkpoint = folder.resolve("c.safetensors");
    Path reference = folder.resolve("c.safetensors.reference");
    try (ToyModel whole = new ToyModel(1)) {
      run.apply(
          whole, TrainingContext.defaults().withCheckpoint(checkpoint).withCheckpointEvery(5));
      for (Path file : List.of(checkpoint, reference)) {
        byte[] written = Files.readAllBytes(file);
        for (int at : new int[] {3, 60, written.length / 2, written.length - 1}) {
          byte[] damaged = written.clone();
          damaged[at] ^= 8;
          Files.write(file, damaged);
          List<String> notices = new ArrayList<>();
          List<Integer> done = new ArrayList<>();
          try (ToyModel again = new ToyModel(1)) {
            run.apply(
                again,
                TrainingContext.defaults()
                    .withCheckpoint(checkpoint)
                    .withCheckpointEvery(5)
                    .withOnResume(steps -> done.add(steps.size()))
                    .withOnNotice(notices::add));
            assertSame(weights(whole), weights(again));
          }
          assertEquals(1, notices.size(), notices.toString());
          assertTrue(notices.get(0).startsWith(file + " is not a whole"), notices.get(0));
          assertEquals(List.of(file.equals(checkpoint) ? 0 : 10), done);
          assertArrayEquals(written, Files.readAllBytes(file), "it is mended");
        }
      }
    }
  }

  /** Splitting a batch changes nothing but rounding. */
  @Test
  void microBatchesGiveTheSameStep() {
    Map<Run, Run> same = new LinkedHashMap<>();
    same.put(
        (m, c) -> new SftTrainer(sft().withSteps(1)).train(m, SAMPLES, c),
        (m, c) -> new SftTrainer(sft().withSteps(1).withMicroBatch(3)).train(m, SAMPLES, c));
    same.put(
        (m, c) -> new DpoTrainer(dpo().withSteps(1)).train(m, PAIRS, c),
        (m, c) -> new DpoTrainer(dpo().withSteps(1).withMicroBatch(4)).train(m, PAIRS, c));
    for (PolicyOptions.Normalizer normalizer : PolicyOptions.Normalizer.values()) {
      HybridGrpoOptions options =
          hybrid()
              .withIterations(1)
              .withUpdatesPerIteration(1)
              .withPolicy(PolicyOptions.defaults().withNormalizer(normalizer));
      same.put(run(options), run(options.withMicroBatch(5)));
    }
    same.forEach(
        (whole, split) -> {
          try (ToyModel first = new ToyModel(1);
              ToyModel second = new ToyModel(1)) {
            TrainingResult a = whole.apply(first, TrainingContext.defaults());
            TrainingResult b = split.apply(second, TrainingContext.defaults());
            a.history()
                .get(0)
                .values()
                .forEach(
                    (name, value) ->
                        assertEquals(value, b.history().get(0).value(name), 1e-5, name));
          }
        });
  }

  @Test
  void divergenceStopsTheRun() {
    try (ToyModel model = new ToyModel(1)) {
      SftOptions options =
          sft().withOptimizer(OptimizerOptions.adamW(1e38).withGradientClip(0)).withSteps(50);
      assertTrue(
          assertThrows(
                  IllegalStateException.class,
                  () -> new SftTrainer(options).train(model, SAMPLES, TrainingContext.defaults()))
              .getMessage()
              .contains("training diverged"));
    }
  }

  @Test
  void collapseRaisesAlarmsOnce() {
    CollapseMonitor monitor = new CollapseMonitor();
    List<String> alarms = new ArrayList<>();
    for (int step = 0; step < 100; step++) {
      alarms.addAll(
          monitor.observe(
              step,
              Map.of(
                  "loss",
                  1.0,
                  "gradient_norm",
                  1.0,
                  "chosen_log_prob",
                  -0.1 * step,
                  "kl",
                  0.05 * step)));
    }
    assertEquals(2, alarms.size(), alarms.toString());
    assertFalse(alarms.get(0).isBlank());
  }

  private static List<String> alarms(int steps, IntFunction<Map<String, Double>> values) {
    CollapseMonitor monitor = new CollapseMonitor();
    List<String> alarms = new ArrayList<>();
    for (int step = 0; step < steps; step++) {
      Map<String, Double> all = new HashMap<>(Map.of("loss", 1.0, "gradient_norm", 1.0));
      all.putAll(values.apply(step));
      alarms.addAll(monitor.observe(step, all));
    }
    return alarms;
  }

  @Test
  void everySignOfCollapseIsToldFromHealth() {
    Map<String, Double> healthy =
        Map.of(
            "chosen_log_prob", -1.0,
            "kl", 0.1,
            "zero_variance_share", 0.7,
            "unfinished_share", 0.1,
            "answer_tokens", 10.0,
            "yes_share", 0.6,
            "gold_yes_share", 0.5,
            "online_share", 0.3);
    assertEquals(List.of(), alarms(60, step -> healthy));
    Map<String, IntToDoubleFunction> sick =
        Map.of(
            "chosen_log_prob", step -> -0.1 * step,
            "kl", step -> 2.5,
            "zero_variance_share", step -> 0.99,
            "unfinished_share", step -> 0.6,
            "answer_tokens", step -> 10 + 2.0 * step,
            "yes_share", step -> 0.95,
            "online_share", step -> 0);
    sick.forEach(
        (name, value) -> {
          List<String> raised =
              alarms(
                  60,
                  step -> {
                    Map<String, Double> values = new HashMap<>(healthy);
                    values.put(name, value.applyAsDouble(step));
                    return values;
                  });
          assertEquals(1, raised.size(), name + ": " + raised);
        });
    List<String> shrinking =
        alarms(
            60,
            step -> {
              Map<String, Double> values = new HashMap<>(healthy);
              values.put("answer_tokens", Math.max(1, 10.0 - step / 2));
              values.put("yes_share", step < 30 ? Double.NaN : 0.05);
              return values;
            });
    assertEquals(2, shrinking.size(), shrinking.toString());
    assertTrue(shrinking.stream().anyMatch(a -> a.contains("shrink")), shrinking.toString());
    assertTrue(shrinking.stream().anyMatch(a -> a.contains("with no")), shrinking.toString());
    Map<String, Double> offlineOnly = new HashMap<>(healthy);
    offlineOnly.put("online_share", 0.0);
    offlineOnly.put("answer_tokens", Double.NaN);
    assertEquals(List.of(), alarms(60, step -> offlineOnly));
  }

  @Test
  void everyItemComesOncePerEpoch() {
    BatchOrder order = new BatchOrder(KeyedRandom.of(1, "order"), 10, 4);
    int[] seen = new int[10];
    for (int step = 0; step < 5; step++) {
      for (int index : order.indices(step)) {
        seen[index]++;
      }
    }
    for (int count : seen) {
      assertEquals(2, count);
    }
    assertArrayEquals(order.indices(3), order.indices(3));
    assertThrows(
        IllegalArgumentException.class, () -> new BatchOrder(KeyedRandom.of(1, "order"), 0, 4));
  }
}
