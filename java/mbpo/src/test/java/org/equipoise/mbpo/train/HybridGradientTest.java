package org.equipoise.mbpo.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoublePredicate;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.reward.VerifiedReward;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.mbpo.toy.ToyModel;
import org.equipoise.mbpo.toy.ToyTask;
import org.equipoise.torch.Equipoise;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The gradient of one hybrid update against the formula written with plain LibTorch operations and
 * autograd, away from the starting point so that ratio, clip, floor and KL all matter:
 *
 * <pre>ℓ_i = mean_t [ s_t + β·k3_t ],  s_t = −min(ρA, clip(ρ, 1−ε, 1+ε)A), 0 where A &lt; 0 and
 * log p &lt; floor;  loss = (Σ_offline w·ℓ_i + Σ_online v·ℓ_i) / (n_offline + n_online)</pre>
 */
class HybridGradientTest {
  private static final double EPSILON = 0.1;
  private static final double BETA = 0.2;
  private static final double FLOOR = -2.5;
  private static final double OFFLINE_WEIGHT = 0.7;
  private static final double ONLINE_WEIGHT = 1.3;

  @ParameterizedTest
  @CsvSource({"ALL, 1, true", "DIFFERING, 1, true", "ALL, 0.5, false", "DIFFERING, 0, false"})
  void equalsAutogradOverTheFormula(
      OfflineOptions.RejectedTokens rejectedTokens, double rejectedShare, boolean rejectedKl) {
    Equipoise.threads(1);
    List<Sample> samples = ToyTask.samples("g", 20, 0.5, 9);
    List<PreferenceRecord> pairs = new ArrayList<>();
    for (Sample sample : samples.subList(0, 10)) {
      pairs.add(
          new PreferenceRecord(
              sample.id(),
              sample.images(),
              sample.images(),
              sample.question(),
              sample.answer(),
              "red and gold",
              sample.kind(),
              null,
              "test",
              Double.NaN,
              new PreferenceRecord.Scores(0, 0, "", "", false),
              Map.of()));
    }
    HybridGrpoOptions options =
        HybridGrpoOptions.defaults()
            .withIterations(1)
            .withUpdatesPerIteration(2)
            .withOffline(
                OfflineOptions.defaults()
                    .withPairsPerIteration(5)
                    .withWeight(OFFLINE_WEIGHT)
                    .withRejectedShare(rejectedShare)
                    .withRejectedKl(rejectedKl)
                    .withRejectedTokens(rejectedTokens))
            .withOnline(
                OnlineOptions.defaults()
                    .withPromptsPerIteration(8)
                    .withGroupSize(6)
                    .withMaxGroups(3)
                    .withTemperature(1)
                    .withMaxNewTokens(4)
                    .withAdvantageScale(0.5)
                    .withWeight(ONLINE_WEIGHT))
            .withPolicy(
                PolicyOptions.defaults()
                    .withEpsilonLow(EPSILON)
                    .withEpsilonHigh(EPSILON)
                    .withKlBeta(BETA)
                    .withNegativeLogProbFloor(FLOOR));
    try (ToyModel model = new ToyModel(4);
        ToyModel reference = new ToyModel(4);
        PointerScope scope = new PointerScope()) {
      OnlineGroups groups =
          new OnlineGroups(
              model,
              samples,
              VerifiedReward.formatAndAccuracy(ToyTask.VERIFIER),
              options.online(),
              0);
      HybridGrpoTask task =
          new HybridGrpoTask(
              options,
              model,
              reference,
              pairs,
              ReferenceLogProbs.of(reference, pairs, TrainingContext.defaults(), pairs.size()),
              groups,
              samples);
      task.begin(0);
      move(model);
      Map<String, Double> metrics = task.computeGradients(0);
      Map<String, float[]> actual = takeGradients(model);
      int offline = (int) Math.round(task.batch().size() * (1 - metrics.get("online_share")));
      double expectedLoss = formula(model, task.batch(), offline, rejectedKl);
      Map<String, float[]> expected = takeGradients(model);

      long rejected = negative(task.batch(), offline);
      assertEquals(offline - 5, rejected);
      assertTrue(
          rejectedShare == 1 ? rejected == 5 : rejectedShare == 0 ? rejected == 0 : rejected < 5,
          rejected + " rejected answers");
      boolean all = rejectedTokens == OfflineOptions.RejectedTokens.ALL;
      assertEquals(all ? 0 : rejected, withZeros(task.batch(), offline));
      assertTrue(metrics.get("online_share") > 0, "some online group has variance");
      for (String name : List.of("clip_low", "clip_high", "floored", "kl")) {
        assertTrue(metrics.get(name) > 0, name + " takes part: " + metrics);
      }
      assertEquals(expectedLoss, metrics.get("loss"), 1e-5);
      expected.forEach((name, gradient) -> assertArrayEquals(gradient, actual.get(name), 1e-5f));
    }
  }

  /** Offline sequences with a token of negative advantage. */
  private static long negative(HybridBatch batch, int offline) {
    return offlineRows(batch, offline, advantage -> advantage < 0);
  }

  /** Offline sequences with a token without advantage. */
  private static long withZeros(HybridBatch batch, int offline) {
    return offlineRows(batch, offline, advantage -> advantage == 0);
  }

  private static long offlineRows(HybridBatch batch, int offline, DoublePredicate wanted) {
    return batch.advantages(new MicroBatches.Part(0, offline)).stream()
        .filter(row -> IntStream.range(0, row.length).mapToDouble(t -> row[t]).anyMatch(wanted))
        .count();
  }

  @Test
  void onlyWhatDiffersIsRejected() {
    OfflineOptions differing =
        OfflineOptions.defaults().withRejectedTokens(OfflineOptions.RejectedTokens.DIFFERING);
    int[] chosen = {5, 6, 7, 1};
    assertArrayEquals(
        new float[] {0, -1, 0, 0},
        differing.rejectedAdvantages(chosen, new int[] {5, 9, 7, 1}, -1));
    assertArrayEquals(
        new float[] {0, 0, -1, 0, 0},
        differing.rejectedAdvantages(chosen, new int[] {5, 6, 6, 7, 1}, -1));
    assertArrayEquals(
        new float[] {0, -1}, differing.rejectedAdvantages(chosen, new int[] {5, 1}, -1));
    assertArrayEquals(
        new float[] {0, 0}, differing.rejectedAdvantages(chosen, new int[] {5, 6}, -1));
    assertArrayEquals(
        new float[] {-1, -1}, differing.rejectedAdvantages(chosen, new int[] {2, 3}, -1));
    assertArrayEquals(
        new float[] {-1, -1, -1},
        OfflineOptions.defaults().rejectedAdvantages(chosen, new int[] {5, 2, 1}, -1));
  }

  /** Leaves the iteration's start, so that the ratio is not 1. */
  private static void move(ToyModel model) {
    try (NoGradGuard noGrad = new NoGradGuard()) {
      model.parameters().values().forEach(tensor -> tensor.mul_(new Scalar(1.15)));
    }
  }

  private static Map<String, float[]> takeGradients(ToyModel model) {
    Map<String, float[]> gradients = new LinkedHashMap<>();
    model
        .parameters()
        .forEach(
            (name, tensor) -> {
              gradients.put(name, HostTensors.toFloats(tensor.grad()));
              tensor.mutable_grad().zero_();
            });
    return gradients;
  }

  private static double formula(
      ToyModel model, HybridBatch batch, int offline, boolean rejectedKl) {
    MicroBatches.Part all = new MicroBatches.Part(0, batch.size());
    List<TokenSequence> sequences = batch.sequences(all);
    Tensor logits = model.forward(ImageBatch.ofQuestions(batch.images(all)), sequences).logits();
    Tensor logProbs =
        torch
            .log_softmax(logits, 1, new ScalarTypeOptional())
            .gather(1, AnswerLogProbs.targets(sequences).unsqueeze(1))
            .squeeze(1);
    List<float[]> advantages = batch.advantages(all);
    Tensor loss = HostTensors.floats(new float[1], 1).sum();
    int at = 0;
    for (int i = 0; i < batch.size(); i++) {
      int length = sequences.get(i).answer().length;
      Tensor policy = logProbs.narrow(0, at, length);
      at += length;
      Tensor old = HostTensors.floats(batch.old(all).get(i), length);
      Tensor start = HostTensors.floats(batch.reference(all).get(i), length);
      Tensor ratio = policy.sub(old).exp();
      Tensor clipped = torch.clamp(ratio, scalar(1 - EPSILON), scalar(1 + EPSILON));
      Tensor advantage = HostTensors.floats(advantages.get(i), length);
      Tensor surrogate = torch.minimum(ratio.mul(advantage), clipped.mul(advantage)).neg();
      Tensor floored = policy.lt(new Scalar(FLOOR)).logical_and(advantage.lt(new Scalar(0.0)));
      surrogate = surrogate.masked_fill(floored, new Scalar(0.0));
      Tensor gap = start.sub(policy);
      Tensor k3 = gap.exp().sub(gap).sub(new Scalar(1.0));
      boolean isRejected = i < offline && min(advantages.get(i)) < 0;
      double weight = i < offline ? OFFLINE_WEIGHT : ONLINE_WEIGHT;
      loss =
          loss.add(
              surrogate
                  .add(k3.mul(new Scalar(isRejected && !rejectedKl ? 0 : BETA)))
                  .mean()
                  .mul(new Scalar(weight / batch.size())));
    }
    loss.backward();
    return loss.item_float();
  }

  private static double min(float[] values) {
    return IntStream.range(0, values.length).mapToDouble(i -> values[i]).min().orElseThrow();
  }

  private static org.bytedeco.pytorch.ScalarOptional scalar(double value) {
    return new org.bytedeco.pytorch.ScalarOptional(new Scalar(value));
  }
}
