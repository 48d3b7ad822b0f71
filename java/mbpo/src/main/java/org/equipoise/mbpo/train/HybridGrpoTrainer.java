package org.equipoise.mbpo.train;

import java.util.List;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.reward.VerifiedReward;

/**
 * Hybrid GRPO: mined pairs as groups {chosen, rejected} and online groups of sampled answers with
 * verified rewards, group-normalised advantages, one clipped policy loss with KL to the starting
 * weights; clean images everywhere. Each group is normalised by itself, so offline and online
 * rewards are never pooled.
 *
 * <p>Metrics of a step: {@code loss, kl, clip_low, clip_high, ratio, floored, online_share} (of the
 * sequences trained on), {@code chosen_log_prob, rejected_log_prob} (per token, of this batch), and
 * of everything sampled {@code zero_variance_share, reward_mean, correct_share, answer_tokens,
 * unfinished_share, yes_share, gold_yes_share}; NaN where a half is off.
 *
 * <p>Immutable and thread-safe; one model is trained by one thread.
 */
public final class HybridGrpoTrainer {
  private final HybridGrpoOptions options;
  private final VerifiedReward reward;

  public HybridGrpoTrainer(HybridGrpoOptions options, VerifiedReward reward) {
    this.options = options;
    this.reward = reward;
  }

  /**
   * Trains the model in place. Call it with the starting weights, which are the reference, also
   * when resuming: the checkpoint is applied after the reference is taken.
   *
   * @param pairs mined pairs; may be empty when no offline pairs are trained on
   * @param prompts closed questions for online answers; may be empty likewise
   */
  public TrainingResult train(
      MultimodalModel model,
      List<PreferenceRecord> pairs,
      List<Sample> prompts,
      TrainingContext context) {
    boolean online = options.online().promptsPerIteration() > 0;
    boolean offline = options.offline().pairsPerIteration() > 0;
    ReferenceLogProbs offlineReference =
        offline ? ReferenceLogProbs.of(model, pairs, context, pairsAtATime()) : null;
    try (MultimodalModel reference =
        online && options.policy().klBeta() > 0 ? model.reference() : null) {
      OnlineGroups groups =
          online
              ? new OnlineGroups(model, prompts, reward, options.online(), options.seed())
              : null;
      HybridGrpoTask task =
          new HybridGrpoTask(options, model, reference, pairs, offlineReference, groups, prompts);
      return TrainingLoop.run(model, options.optimizer(), task, context);
    }
  }

  /** As many answers as a pass of the training has, but no less than a pair. */
  private int pairsAtATime() {
    return options.microBatch() == 0
        ? options.offline().pairsPerIteration()
        : Math.max(1, options.microBatch() / 2);
  }
}
