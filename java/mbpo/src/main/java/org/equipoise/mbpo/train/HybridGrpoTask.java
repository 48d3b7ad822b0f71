package org.equipoise.mbpo.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.mbpo.data.DataFingerprint;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.storage.Fingerprint;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.mbpo.train.PolicyOptions.Normalizer;
import org.equipoise.mbpo.train.PolicyOptions.OldPolicy;
import org.equipoise.torch.GroupAdvantage;
import org.equipoise.torch.PolicyLoss;
import org.jspecify.annotations.Nullable;

/** The iterations of {@link HybridGrpoTrainer}. */
final class HybridGrpoTask implements TrainingTask {
  private final HybridGrpoOptions options;
  private final MultimodalModel model;
  private final @Nullable MultimodalModel reference;
  private final List<PreferenceRecord> pairs;
  private final @Nullable ReferenceLogProbs offlineReference;
  private final @Nullable OnlineGroups onlineGroups;
  private final List<Sample> prompts;
  private final @Nullable BatchOrder offlineOrder;
  private final PolicyLoss loss;
  private final GroupAdvantage offlineAdvantage;
  private final GroupAdvantage onlineAdvantage;

  private HybridBatch batch;
  private OnlineGroups.Draw draw;
  private int offlineSequences;

  /** Of each offline sequence of the batch: whether it is a rejected answer. */
  private final List<Boolean> rejected = new ArrayList<>();

  private final KeyedRandom rejectedDraws;

  /**
   * @param reference the starting weights, or {@code null} when no online KL is wanted
   * @param offlineReference or {@code null} without offline pairs
   * @param onlineGroups or {@code null} without online prompts
   */
  HybridGrpoTask(
      HybridGrpoOptions options,
      MultimodalModel model,
      @Nullable MultimodalModel reference,
      List<PreferenceRecord> pairs,
      @Nullable ReferenceLogProbs offlineReference,
      @Nullable OnlineGroups onlineGroups,
      List<Sample> prompts) {
    this.options = options;
    this.model = model;
    this.reference = reference;
    this.pairs = pairs;
    this.offlineReference = offlineReference;
    this.onlineGroups = onlineGroups;
    this.prompts = prompts;
    this.offlineOrder =
        offlineReference == null
            ? null
            : new BatchOrder(
                KeyedRandom.of(options.seed(), "offline-order"),
                pairs.size(),
                options.offline().pairsPerIteration());
    this.rejectedDraws = KeyedRandom.of(options.seed(), "offline-rejected");
    PolicyOptions policy = options.policy();
    PolicyLoss normalised =
        switch (policy.normalizer()) {
          case GRPO -> PolicyLoss.grpo();
          case DR_GRPO -> PolicyLoss.drGrpo(options.online().maxNewTokens());
          case DAPO -> PolicyLoss.dapo();
        };
    this.loss =
        normalised
            .epsilon(policy.epsilonLow(), policy.epsilonHigh())
            .klBeta(policy.klBeta())
            .kl(policy.kl())
            .negativeLogProbFloor(policy.negativeLogProbFloor());
    this.offlineAdvantage = GroupAdvantage.trl().ddof(options.offline().ddof()).epsilon(0);
    this.onlineAdvantage =
        GroupAdvantage.trl()
            .ddof(options.online().ddof())
            .epsilon(options.online().advantageEpsilon());
  }

  @Override
  public String name() {
    return "hybrid-grpo";
  }

  @Override
  public int iterations() {
    return options.iterations();
  }

  @Override
  public int updatesPerIteration() {
    return options.updatesPerIteration();
  }

  @Override
  public String fingerprint() {
    return Fingerprint.text(options)
        + " "
        + DataFingerprint.ofPairs(pairs)
        + " "
        + DataFingerprint.ofSamples(prompts);
  }

  @Override
  public void begin(int iteration) {
    batch = new HybridBatch();
    rejected.clear();
    List<float[]> referenceRows = new ArrayList<>();
    if (offlineOrder != null) {
      addOffline(iteration, offlineOrder.indices(iteration), referenceRows);
    }
    offlineSequences = batch.size();
    draw = onlineGroups == null ? OnlineGroups.Draw.none() : onlineGroups.draw(iteration);
    if (!draw.used().isEmpty()) {
      addOnline(draw.used());
    }
    batch.setOld(oldRows(referenceRows));
    if (options.policy().klBeta() > 0) {
      if (batch.size() > offlineSequences) {
        referenceRows.addAll(logProbs(reference, online()));
      }
      batch.setReference(referenceRows);
    } else {
      batch.setReference(null);
    }
  }

  /** The sequences of the iteration that was begun last. */
  HybridBatch batch() {
    return batch;
  }

  private void addOffline(int iteration, int[] indices, List<float[]> referenceRows) {
    float[] rewards = new float[2 * indices.length];
    for (int i = 0; i < indices.length; i++) {
      rewards[2 * i] = (float) options.offline().chosenReward();
      rewards[2 * i + 1] = (float) options.offline().rejectedReward();
    }
    float[] advantages = normalise(offlineAdvantage, rewards, 2);
    for (int i = 0; i < indices.length; i++) {
      List<PreferenceRecord> pair = List.of(pairs.get(indices[i]));
      List<Images> seen = ReferenceLogProbs.images(model, pair);
      List<TokenSequence> answers = ReferenceLogProbs.sequences(model, pair);
      int[] chosen = answers.get(0).answer();
      double weight = options.offline().weight();
      batch.add(seen.get(0), answers.get(0), repeat(advantages[2 * i], chosen.length), weight);
      rejected.add(false);
      referenceRows.add(offlineReference.chosen(indices[i]));
      if (rejectedDraws.uniform(iteration, i, 0) >= options.offline().rejectedShare()) {
        continue;
      }
      batch.add(
          seen.get(1),
          answers.get(1),
          options
              .offline()
              .rejectedAdvantages(chosen, answers.get(1).answer(), advantages[2 * i + 1]),
          weight);
      rejected.add(true);
      referenceRows.add(offlineReference.rejected(indices[i]));
    }
  }

  private void addOnline(List<OnlineGroups.Group> groups) {
    OnlineOptions online = options.online();
    float[] rewards = new float[groups.size() * online.groupSize()];
    for (int g = 0; g < groups.size(); g++) {
      System.arraycopy(
          groups.get(g).rewards(), 0, rewards, g * online.groupSize(), online.groupSize());
    }
    float[] advantages = normalise(onlineAdvantage, rewards, online.groupSize());
    for (int g = 0; g < groups.size(); g++) {
      for (int i = 0; i < online.groupSize(); i++) {
        TokenSequence sequence = groups.get(g).sequences().get(i);
        batch.add(
            groups.get(g).images(),
            sequence,
            repeat(
                (float) (online.advantageScale() * advantages[g * online.groupSize() + i]),
                sequence.answer().length),
            online.weight());
      }
    }
  }

  private static float[] repeat(float value, int count) {
    float[] values = new float[count];
    Arrays.fill(values, value);
    return values;
  }

  private static float[] normalise(GroupAdvantage advantage, float[] rewards, int groupSize) {
    try (PointerScope scope = new PointerScope()) {
      return HostTensors.toFloats(
          advantage.apply(HostTensors.floats(rewards, rewards.length), groupSize));
    }
  }

  /**
   * The denominators of the ratio. With one update from the iteration's start the ratio is 1 by
   * construction and nothing needs computing.
   */
  private @Nullable List<float[]> oldRows(List<float[]> offlineReferenceRows) {
    boolean mining = options.policy().oldPolicy() == OldPolicy.MINING;
    if (!mining && options.updatesPerIteration() == 1) {
      return null;
    }
    MicroBatches.Part all = new MicroBatches.Part(0, batch.size());
    if (!mining) {
      return logProbs(model, all);
    }
    List<float[]> rows = new ArrayList<>(offlineReferenceRows);
    if (batch.size() > offlineSequences) {
      rows.addAll(logProbs(model, online()));
    }
    return rows;
  }

  private MicroBatches.Part online() {
    return new MicroBatches.Part(offlineSequences, batch.size());
  }

  private List<float[]> logProbs(MultimodalModel asked, MicroBatches.Part part) {
    int limit = options.microBatch() == 0 ? Math.max(1, batch.size()) : options.microBatch();
    return new AnswerLogProbs(asked, limit)
        .tokenLogProbs(batch.images(part), batch.sequences(part), AnswerLogProbs.Sight.IMAGE);
  }

  @Override
  public Map<String, Double> computeGradients(int update) {
    Map<String, Double> metrics = new LinkedHashMap<>();
    for (String name : List.of("loss", "kl", "clip_low", "clip_high", "ratio", "floored")) {
      metrics.put(name, 0.0);
    }
    List<float[]> logProbs = new ArrayList<>();
    long totalTokens = batch.tokens(new MicroBatches.Part(0, batch.size()));
    for (MicroBatches.Part part : MicroBatches.of(batch.size(), options.microBatch())) {
      try (PointerScope scope = new PointerScope()) {
        part(part, (double) batch.tokens(part) / totalTokens, metrics, logProbs);
      }
    }
    List<float[]> offline = logProbs.subList(0, offlineSequences);
    metrics.put("chosen_log_prob", AnswerPass.mean(offline, row -> !rejected.get(row)));
    metrics.put("rejected_log_prob", AnswerPass.mean(offline, rejected::get));
    metrics.put("online_share", (double) (batch.size() - offlineSequences) / batch.size());
    metrics.put("zero_variance_share", draw.zeroVarianceShare());
    metrics.put("reward_mean", draw.rewardMean());
    metrics.put("correct_share", draw.correctShare());
    metrics.put("answer_tokens", draw.meanTokens());
    metrics.put("unfinished_share", draw.unfinishedShare());
    metrics.put("yes_share", draw.yesShare());
    metrics.put("gold_yes_share", draw.goldYesShare());
    return metrics;
  }

  /** The starting log-probs; where KL is off, the policy's own, which give value and gradient 0. */
  private Tensor heldTo(Tensor start, Tensor policy, AnswerGrid grid, MicroBatches.Part part) {
    if (options.offline().rejectedKl()) {
      return start;
    }
    float[] free = new float[part.size()];
    for (int i = 0; i < free.length; i++) {
      int row = part.from() + i;
      free[i] = row < offlineSequences && rejected.get(row) ? 1 : 0;
    }
    Tensor rows = grid.perSequence(free).unsqueeze(1).gt(new Scalar(0.5));
    return torch.where(rows, policy.detach(), start);
  }

  private void part(
      MicroBatches.Part part,
      double tokenShare,
      Map<String, Double> metrics,
      List<float[]> logProbs) {
    AnswerPass pass = new AnswerPass(model, batch.images(part), batch.sequences(part));
    AnswerGrid grid = pass.grid();
    Tensor old = batch.old(part) == null ? null : grid.arrange(batch.old(part));
    Tensor start = batch.reference(part) == null ? null : grid.arrange(batch.reference(part));
    Tensor advantages = grid.arrange(batch.advantages(part));
    Tensor weights = grid.perSequence(batch.weights(part));
    // DAPO divides by the tokens of the call, the others by its sequences.
    double share =
        options.policy().normalizer() == Normalizer.DAPO
            ? tokenShare
            : (double) part.size() / batch.size();
    PolicyLoss.Result result =
        pass.backwardTokenwise(
            share,
            packed -> {
              Tensor policy = grid.arrange(packed);
              return loss.apply(
                  PolicyBatch.of(policy, advantages, grid.mask())
                      .old(old)
                      .reference(start == null ? null : heldTo(start, policy, grid, part))
                      .sequenceWeights(weights));
            });
    logProbs.addAll(pass.read());
    var policy = result.metrics();
    metrics.merge("loss", share * result.loss().item_float(), Double::sum);
    metrics.merge("kl", tokenShare * policy.kl(), Double::sum);
    metrics.merge("clip_low", tokenShare * policy.clipLow(), Double::sum);
    metrics.merge("clip_high", tokenShare * policy.clipHigh(), Double::sum);
    metrics.merge("ratio", tokenShare * policy.ratio(), Double::sum);
    metrics.merge("floored", tokenShare * policy.floored(), Double::sum);
  }
}
