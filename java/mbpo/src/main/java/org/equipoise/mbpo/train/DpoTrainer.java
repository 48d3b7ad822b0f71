package org.equipoise.mbpo.train;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.kernels.PairBatch;
import org.equipoise.mbpo.data.DataFingerprint;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.storage.Fingerprint;
import org.equipoise.torch.PairLoss;

/**
 * Direct preference optimisation on mined pairs, clean images. The reference is the starting
 * policy; its log-probs are computed once. Immutable and thread-safe; one model is trained by one
 * thread.
 */
public final class DpoTrainer {
  private static final int CHOSEN = 0;
  private static final int REJECTED = 1;

  private final DpoOptions options;

  public DpoTrainer(DpoOptions options) {
    this.options = options;
  }

  /**
   * Trains the model in place. Call it with the starting weights, which are the reference, also
   * when resuming: the checkpoint is applied after the reference log-probs are known.
   */
  public TrainingResult train(
      MultimodalModel model, List<PreferenceRecord> pairs, TrainingContext context) {
    int pairsAtATime = options.microBatch() == 0 ? options.batchPairs() : options.microBatch();
    ReferenceLogProbs reference = ReferenceLogProbs.of(model, pairs, context, pairsAtATime);
    return TrainingLoop.run(model, options.optimizer(), new Task(model, pairs, reference), context);
  }

  private PairLoss pairLoss() {
    return switch (options.loss()) {
      case SIGMOID ->
          PairLoss.sigmoid().beta(options.beta()).labelSmoothing(options.labelSmoothing());
      case IPO -> PairLoss.ipo().beta(options.beta());
      case HINGE -> PairLoss.hinge().beta(options.beta());
    };
  }

  private final class Task implements TrainingTask {
    private final MultimodalModel model;
    private final List<PreferenceRecord> pairs;
    private final ReferenceLogProbs reference;
    private final PairLoss loss = pairLoss();
    private final BatchOrder order;
    private int[] indices;

    Task(MultimodalModel model, List<PreferenceRecord> pairs, ReferenceLogProbs reference) {
      this.model = model;
      this.pairs = pairs;
      this.reference = reference;
      this.order =
          new BatchOrder(
              KeyedRandom.of(options.seed(), "dpo-order"), pairs.size(), options.batchPairs());
    }

    @Override
    public String name() {
      return "dpo";
    }

    @Override
    public int iterations() {
      return options.steps();
    }

    @Override
    public String fingerprint() {
      return Fingerprint.text(options) + " " + DataFingerprint.ofPairs(pairs);
    }

    @Override
    public void begin(int iteration) {
      indices = order.indices(iteration);
    }

    @Override
    public Map<String, Double> computeGradients(int update) {
      Map<String, Double> metrics = new LinkedHashMap<>();
      for (MicroBatches.Part part : MicroBatches.of(indices.length, options.microBatch())) {
        try (PointerScope scope = new PointerScope()) {
          part(part, metrics);
        }
      }
      return metrics;
    }

    private void part(MicroBatches.Part part, Map<String, Double> metrics) {
      List<PreferenceRecord> batch = new ArrayList<>();
      List<float[]> referenceRows = new ArrayList<>();
      for (int i = part.from(); i < part.to(); i++) {
        batch.add(pairs.get(indices[i]));
        referenceRows.add(reference.chosen(indices[i]));
        referenceRows.add(reference.rejected(indices[i]));
      }
      // Rows alternate chosen, rejected; one pass, so that each image is encoded once.
      AnswerPass pass =
          new AnswerPass(
              model,
              ReferenceLogProbs.images(model, batch),
              ReferenceLogProbs.sequences(model, batch));
      Tensor start = pass.grid().arrange(referenceRows);
      Tensor mask = pass.grid().mask();
      double share = (double) part.size() / indices.length;
      PairLoss.Result result =
          pass.backward(
              share,
              packed -> {
                Tensor policy = pass.grid().arrange(packed);
                return loss.apply(
                    PairBatch.of(
                            side(policy, CHOSEN),
                            side(policy, REJECTED),
                            side(mask, CHOSEN),
                            side(mask, REJECTED))
                        .reference(side(start, CHOSEN), side(start, REJECTED)));
              });
      List<float[]> logProbs = pass.read();
      var pairMetrics = result.metrics();
      metrics.merge("loss", share * result.loss().item_float(), Double::sum);
      metrics.merge("reward_margin", share * pairMetrics.margin(), Double::sum);
      metrics.merge("reward_accuracy", share * pairMetrics.accuracy(), Double::sum);
      metrics.merge(
          "chosen_log_prob", share * AnswerPass.mean(logProbs, i -> i % 2 == CHOSEN), Double::sum);
      metrics.merge(
          "rejected_log_prob",
          share * AnswerPass.mean(logProbs, i -> i % 2 == REJECTED),
          Double::sum);
    }

    private Tensor side(Tensor rows, int side) {
      return rows.view(rows.size(0) / 2, 2, rows.size(1)).select(1, side);
    }
  }
}
