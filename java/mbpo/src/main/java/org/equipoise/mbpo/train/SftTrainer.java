package org.equipoise.mbpo.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.data.DataFingerprint;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.storage.Fingerprint;
import org.equipoise.torch.ScalarLoss;
import org.jspecify.annotations.Nullable;

/**
 * Supervised fine-tuning on gold answers, end token included:
 *
 * <pre>loss = −mean over the batch's answer tokens of log p(y_t | image, question, y_&lt;t)</pre>
 *
 * Immutable and thread-safe; one model is trained by one thread.
 */
public final class SftTrainer {
  private final SftOptions options;

  public SftTrainer(SftOptions options) {
    this.options = options;
  }

  /** Trains the model in place. Call it with the starting weights, also when resuming. */
  public TrainingResult train(
      MultimodalModel model, List<Sample> samples, TrainingContext context) {
    return TrainingLoop.run(model, options.optimizer(), new Task(model, samples), context);
  }

  private static ScalarLoss negativeSum(Tensor logProbs) {
    Tensor sum = logProbs.sum().neg();
    return () -> sum;
  }

  private final class Task implements TrainingTask {
    private final MultimodalModel model;
    private final List<Sample> samples;
    private final BatchOrder order;
    private final KeyedRandom blanking = KeyedRandom.of(options.seed(), "sft-blank");
    private List<Images> images;
    private List<TokenSequence> sequences;
    private boolean[] blind;

    Task(MultimodalModel model, List<Sample> samples) {
      this.model = model;
      this.samples = samples;
      this.order =
          new BatchOrder(
              KeyedRandom.of(options.seed(), "sft-order"), samples.size(), options.batchSize());
    }

    @Override
    public String name() {
      return "sft";
    }

    @Override
    public int iterations() {
      return options.steps();
    }

    @Override
    public String fingerprint() {
      return Fingerprint.text(options) + " " + DataFingerprint.ofSamples(samples);
    }

    @Override
    public void begin(int iteration) {
      images = new ArrayList<>();
      sequences = new ArrayList<>();
      int[] indices = order.indices(iteration);
      blind = new boolean[indices.length];
      for (int i = 0; i < indices.length; i++) {
        Sample sample = samples.get(indices[i]);
        images.add(AnswerLogProbs.images(model, sample));
        blind[i] = blanking.uniform(iteration, i, 0) < options.blankImageShare();
        sequences.add(AnswerLogProbs.sequence(model.tokenizer(), sample, sample.answer()));
      }
    }

    @Override
    public Map<String, Double> computeGradients(int update) {
      long tokens = sequences.stream().mapToLong(s -> s.answer().length).sum();
      double loss = 0;
      for (MicroBatches.Part part : MicroBatches.of(sequences.size(), options.microBatch())) {
        try (PointerScope scope = new PointerScope()) {
          AnswerPass pass =
              new AnswerPass(model, images(part), sequences.subList(part.from(), part.to()));
          ScalarLoss sum = pass.backwardTokenwise(1.0 / tokens, SftTrainer::negativeSum);
          loss += sum.loss().item_double() / tokens;
        }
      }
      Map<String, Double> metrics = new LinkedHashMap<>();
      metrics.put("loss", loss);
      metrics.put("answer_tokens", (double) tokens);
      return metrics;
    }

    private @Nullable ImageBatch images(MicroBatches.Part part) {
      List<Images> questions = images.subList(part.from(), part.to());
      ImageBatch seen = ImageBatch.ofQuestions(questions);
      if (seen == null || options.blankImageShare() == 0) {
        return seen;
      }
      boolean[] blindImages = new boolean[seen.size()];
      int at = 0;
      for (int i = 0; i < questions.size(); i++) {
        int count = questions.get(i).all().size();
        Arrays.fill(blindImages, at, at + count, blind[part.from() + i]);
        at += count;
      }
      return seen.blindWhere(blindImages, model.imageProcessor().mean());
    }
  }
}
