package org.equipoise.mbpo.mine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.equipoise.mbpo.data.PreferenceStore;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.reward.Verifiers;
import org.equipoise.mbpo.run.Progress;
import org.equipoise.mbpo.toy.ToyModel;
import org.equipoise.mbpo.toy.ToyTask;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NegativeMiningTest {
  private static final MiningOptions OPTIONS =
      MiningOptions.defaults().withGeneration(GenerationOptions.greedy().withMaxNewTokens(5));

  @TempDir Path folder;

  @BeforeAll
  static void oneThread() {
    Equipoise.threads(1);
  }

  private static Sample sample(String answer) {
    return Sample.of("s", ImageSource.of(new RgbImage(1, 1, new byte[3])), "?", answer, "cap");
  }

  private static DropReason reason(
      MiningOptions options, String chosen, String rejected, double delta, boolean finished) {
    return new NegativeFilter(options, Verifiers.exact(), true)
        .reason(sample(chosen), new GeneratedAnswer(new int[0], rejected, finished), delta);
  }

  @Test
  void importedAnswersNeedNoFallOfTheChosenOne() {
    NegativeFilter filter = new NegativeFilter(OPTIONS, Verifiers.exact(), false);
    Sample sample = sample("a dog");
    GeneratedAnswer cat = new GeneratedAnswer(new int[0], "a cat", true);
    assertNull(filter.reason(sample, cat, 0.1));
    assertEquals(DropReason.NO_ANSWER, filter.reason(sample, null, 0));
    assertEquals(
        DropReason.MATCHES_CHOSEN,
        filter.reason(sample, new GeneratedAnswer(new int[0], "A dog.", true), 0));
  }

  @Test
  void everyFilterHasItsReason() {
    String caption = "a dog and a bone on a table";
    assertNull(reason(OPTIONS, caption, "a dog and a fish on a table", -1, true));
    assertEquals(DropReason.EMPTY, reason(OPTIONS, caption, " . ", -1, true));
    assertEquals(DropReason.UNFINISHED, reason(OPTIONS, caption, "a cat", -1, false));
    assertNull(reason(OPTIONS.withRequireFinished(false), "a dog", "a cat", -1, false));
    assertEquals(
        DropReason.MATCHES_CHOSEN,
        reason(OPTIONS, caption, "A dog and a bone on a table.", -1, true));
    assertEquals(DropReason.LOG_PROB_NOT_REDUCED, reason(OPTIONS, "yes", "no", 0.1, true));
    assertEquals(
        DropReason.LOG_PROB_NOT_REDUCED,
        reason(OPTIONS.withMinimumDrop(2), "yes", "no", -1.9, true));
    assertNull(reason(OPTIONS.withMinimumDrop(2), "yes", "no", -2, true));
    assertEquals(DropReason.LOG_PROB_NOT_REDUCED, reason(OPTIONS, "yes", "no", Double.NaN, true));
    assertEquals(
        DropReason.TOO_SIMILAR,
        reason(
            OPTIONS.withMaximumEditSimilarity(0.8),
            caption,
            "a dog and a fish on a table",
            -1,
            true));
    assertEquals(DropReason.LENGTH_RATIO, reason(OPTIONS, caption, "a dog", -1, true));
    assertEquals(
        DropReason.REPETITIVE, reason(OPTIONS, caption, "dog dog dog dog dog a", -1, true));
  }

  @Test
  void similarityIsOneMinusNormalisedWordDistance() {
    assertEquals(1, NegativeFilter.similarity(List.of("a", "b"), List.of("a", "b")));
    assertEquals(0, NegativeFilter.similarity(List.of("a"), List.of("b")));
    assertEquals(
        1 - 2.0 / 4,
        NegativeFilter.similarity(List.of("a", "b", "c", "d"), List.of("b", "c", "x")),
        1e-12);
  }

  @Test
  void selectionRanksTwinsByTheirMeanAndEachKindByItself() {
    List<Sample> samples = new ArrayList<>();
    samples.add(named("a1", "yn", "a2"));
    samples.add(named("b1", "yn", null));
    samples.add(named("a2", "yn", "a1"));
    samples.add(named("c1", "mc", null));
    samples.add(named("c2", "mc", null));
    double[] gains = {9, 2, -3, 0.1, 0.2};
    InformationGainSelection.Selection selection =
        new InformationGainSelection(0.5).select(samples, gains);
    assertEquals(List.of("a1", "a2", "c2"), selection.kept().stream().map(Sample::id).toList());
    assertArrayEquals(new double[] {9, -3, 0.2}, selection.gains());
    assertEquals(Map.of("yn", 3.0, "mc", 0.2), selection.cutOffByKind());
    assertEquals(Map.of("yn", 1, "mc", 1), selection.droppedByKind());
    gains[1] = Double.NaN;
    assertThrows(
        IllegalArgumentException.class,
        () -> new InformationGainSelection(0.5).select(samples, gains));
  }

  private static Sample named(String id, String kind, String twin) {
    return Sample.of(id, ImageSource.of(new RgbImage(1, 1, new byte[3])), "?", "yes", kind)
        .withTwin(twin);
  }

  /** At step 0 the image is almost kept; at 999 almost nothing of it is left. */
  @Test
  void diffusionNoiseGrowsWithTheStep() {
    List<Sample> samples = ToyTask.twins("p", 2, 3);
    try (ToyModel model = new ToyModel(2)) {
      List<Images> clean = AnswerLogProbs.images(model, samples);
      double previous = -1;
      for (int step : new int[] {0, 200, 500, 999}) {
        RgbImage noisy =
            NegativeSources.diffusion(step, 5).perturb(model, samples, clean).get(0).only();
        double distance = 0;
        for (int i = 0; i < noisy.planes().length; i++) {
          distance +=
              Math.abs((noisy.planes()[i] & 0xff) - (clean.get(0).only().planes()[i] & 0xff));
        }
        distance /= noisy.planes().length;
        assertTrue(distance > previous, "mean difference " + distance + " at step " + step);
        previous = distance;
      }
      assertTrue(previous > 20, "mean difference at the last step: " + previous);
    }
    assertThrows(IllegalArgumentException.class, () -> NegativeSources.diffusion(1000, 0));
  }

  @Test
  void perturbationsDoNotDependOnTheBatch() {
    List<Sample> samples = ToyTask.twins("p", 6, 3);
    try (ToyModel model = new ToyModel(2)) {
      List<Images> clean = AnswerLogProbs.images(model, samples);
      for (NegativeSource source :
          List.of(
              NegativeSources.adversarial(8 / 255.0, 4 / 255.0, 2, 5),
              NegativeSources.blank(),
              NegativeSources.swapped(samples, 5),
              NegativeSources.gaussian(0.2, 5),
              NegativeSources.diffusion(300, 5))) {
        List<Images> together = source.perturb(model, samples, clean);
        for (int i = 0; i < samples.size(); i++) {
          Images alone =
              source.perturb(model, List.of(samples.get(i)), List.of(clean.get(i))).get(0);
          assertArrayEquals(
              alone.only().planes(),
              together.get(i).only().planes(),
              source.name() + " of sample " + i);
        }
      }
    }
  }

  @Test
  void theAttackLeavesTheModelAsItWas() {
    List<Sample> samples = ToyTask.twins("p", 2, 3);
    try (ToyModel model = new ToyModel(2)) {
      NegativeSources.adversarial(8 / 255.0, 4 / 255.0, 2, 5)
          .perturb(model, samples, AnswerLogProbs.images(model, samples));
      model
          .parameters()
          .forEach(
              (name, tensor) -> {
                assertTrue(tensor.requires_grad(), name);
                assertFalse(tensor.grad().defined(), name);
              });
    }
  }

  @Test
  void aDroppedTwinTakesTheOtherWithIt() {
    List<Sample> samples = ToyTask.twins("p", 20, 3);
    try (ToyModel model = new ToyModel(2)) {
      MiningReport alone = mine(model, samples, OPTIONS.withTwinsTogether(false), "alone");
      MiningReport together = mine(model, samples, OPTIONS, "together");
      assertTrue(alone.usable() > together.usable(), alone + " " + together);
      int taken = together.droppedByReason().get(DropReason.TWIN_DROPPED);
      assertEquals(alone.usable(), together.usable() + taken);
      List<String> kept =
          PreferenceStore.read(folder.resolve("together")).stream().map(p -> p.id()).toList();
      PreferenceStore.read(folder.resolve("together"))
          .forEach(pair -> assertTrue(kept.contains(pair.twin()), pair.id()));
    }
  }

  /** A source of a caller's own, that gives nothing, too few, or no image for a sample. */
  @Test
  void sourcesThatGiveNothingAreRefused() {
    String function = "NegativeSource.perturb of own: expected ";
    assertSource(clean -> null, function + "a value, found null");
    assertSource(clean -> clean.subList(1, 3), function + "3 values, found 2");
    assertSource(
        clean -> Arrays.asList(clean.get(0), null, clean.get(2)), function + "a value, found null");
    Images none = new Images(List.of());
    assertSource(clean -> List.of(none, none, none), function + "1 values, found 0");
  }

  private void assertSource(UnaryOperator<List<Images>> perturb, String said) {
    NegativeSource source =
        new NegativeSource() {
          @Override
          public String name() {
            return "own";
          }

          @Override
          public Map<String, String> settings() {
            return Map.of();
          }

          @Override
          public List<Images> perturb(
              MultimodalModel model, List<Sample> samples, List<Images> clean) {
            return perturb.apply(clean);
          }
        };
    try (ToyModel model = new ToyModel(1)) {
      NegativeMiner miner = new NegativeMiner(model, source, ToyTask.VERIFIER, OPTIONS);
      List<Sample> samples = ToyTask.samples("s", 3, 0.5, 1);
      String message =
          assertThrows(
                  IllegalStateException.class,
                  () -> miner.mine(samples, null, folder.resolve("own"), Progress.none()))
              .getMessage();
      assertEquals(said, message);
    }
  }

  private MiningReport mine(
      ToyModel model, List<Sample> samples, MiningOptions options, String name) {
    return new NegativeMiner(
            model, NegativeSources.gaussian(2, 24), ToyTask.VERIFIER, options.withBatchSize(8))
        .mine(samples, null, folder.resolve(name), Progress.none());
  }

  /** Mining that stops after a batch and goes on later gives the same files and the same report. */
  @Test
  void interruptedMiningEndsTheSame() throws IOException {
    List<Sample> samples = ToyTask.twins("p", 20, 3);
    try (ToyModel model = new ToyModel(2)) {
      MiningReport whole = mine(model, samples, OPTIONS, "whole");
      Progress interrupting =
          new Progress() {
            @Override
            public void begin(String task, long total) {}

            @Override
            public void update(long done) {
              if (done >= 16) {
                throw new IllegalStateException("stopped after " + done);
              }
            }

            @Override
            public void close() {}
          };
      NegativeMiner miner =
          new NegativeMiner(
              model, NegativeSources.gaussian(2, 24), ToyTask.VERIFIER, OPTIONS.withBatchSize(8));
      Path stopped = folder.resolve("stopped");
      assertThrows(
          IllegalStateException.class, () -> miner.mine(samples, null, stopped, interrupting));
      assertEquals(whole, miner.mine(samples, null, stopped, Progress.none()));
      Map<String, byte[]> expected = files(folder.resolve("whole"));
      Map<String, byte[]> actual = files(stopped);
      assertEquals(expected.keySet(), actual.keySet());
      expected.forEach((name, bytes) -> assertArrayEquals(bytes, actual.get(name), name));
    }
  }

  @Test
  void aStoreOfOtherWeightsIsRefused() {
    List<Sample> samples = ToyTask.twins("p", 4, 3);
    try (ToyModel model = new ToyModel(2);
        ToyModel other = new ToyModel(3)) {
      mine(model, samples, OPTIONS, "store");
      assertTrue(
          assertThrows(IllegalArgumentException.class, () -> mine(other, samples, OPTIONS, "store"))
              .getMessage()
              .contains("another mining (other weights"));
    }
  }

  private static Map<String, byte[]> files(Path root) throws IOException {
    Map<String, byte[]> files = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(root)) {
      for (Path file : walk.filter(Files::isRegularFile).toList()) {
        files.put(root.relativize(file).toString(), Files.readAllBytes(file));
      }
    }
    return files;
  }
}
