package org.equipoise.mbpo.mine;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.logprob.AnswerLogProbs.Sight;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.run.Progress;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * Image information gain: how much the image helps to predict the gold answer, in nats per token,
 *
 * <pre>
 * IIG = mean_t [ log p(y_t | image, question, y_&lt;t) − log p(y_t | baseline, question, y_&lt;t) ]
 * </pre>
 *
 * over answer tokens without the end token. Immutable and thread-safe, one model per thread.
 */
public final class ImageInformationGain {

  /** What stands in for the image. */
  public enum Baseline {
    /** An image of the same size, every pixel at the processor's mean. */
    BLIND,
    /** No image at all; the model must support text-only prompts. */
    NONE,
    /** The image of the sample's twin; every sample must have one in the list. */
    TWIN
  }

  private final Baseline baseline;
  private final int batchSize;

  private ImageInformationGain(Baseline baseline, int batchSize) {
    this.baseline = baseline;
    this.batchSize = batchSize;
  }

  /** Against the given baseline, 64 samples a pass. */
  public static ImageInformationGain against(Baseline baseline) {
    return new ImageInformationGain(baseline, 64);
  }

  public ImageInformationGain withBatchSize(int samples) {
    return new ImageInformationGain(baseline, samples);
  }

  /** One gain per sample, in order. */
  public double[] measure(MultimodalModel model, List<Sample> samples) {
    return measure(model, samples, Progress.none());
  }

  /** One gain per sample, in order. */
  public double[] measure(MultimodalModel model, List<Sample> samples, Progress progress) {
    requireMeasurable(samples);
    Map<String, Sample> byId = byId(samples);
    AnswerLogProbs logProbs = new AnswerLogProbs(model, batchSize);
    double[] gains = new double[samples.size()];
    progress.begin("image information gain", samples.size());
    for (int from = 0; from < samples.size(); from += batchSize) {
      List<Sample> batch = samples.subList(from, Math.min(samples.size(), from + batchSize));
      List<Images> images = AnswerLogProbs.images(model, batch);
      List<TokenSequence> sequences = AnswerLogProbs.sequences(model.tokenizer(), batch);
      List<float[]> seen = logProbs.tokenLogProbs(images, sequences, Sight.IMAGE);
      List<float[]> unseen =
          switch (baseline) {
            case BLIND -> logProbs.tokenLogProbs(images, sequences, Sight.BLIND);
            case NONE -> logProbs.tokenLogProbs(List.of(), textOnly(model, batch), Sight.NONE);
            case TWIN ->
                logProbs.tokenLogProbs(
                    AnswerLogProbs.images(
                        model, batch.stream().map(sample -> twin(sample, byId)).toList()),
                    sequences,
                    Sight.IMAGE);
          };
      for (int i = 0; i < batch.size(); i++) {
        int[] answer = sequences.get(i).answer();
        gains[from + i] =
            AnswerLogProbs.contentMean(seen.get(i), answer, model.tokenizer())
                - AnswerLogProbs.contentMean(unseen.get(i), answer, model.tokenizer());
      }
      progress.update(from + batch.size());
    }
    return gains;
  }

  private static List<TokenSequence> textOnly(MultimodalModel model, List<Sample> samples) {
    return samples.stream()
        .map(
            sample ->
                new TokenSequence(
                    model.tokenizer().encodePrompt(sample.prompt().withoutImages()),
                    model.tokenizer().encodeAnswer(sample.answer())))
        .toList();
  }

  /** Refuses samples without the twins that the baseline needs; measuring begins with it. */
  public void requireMeasurable(List<Sample> samples) {
    if (baseline == Baseline.TWIN) {
      Map<String, Sample> byId = byId(samples);
      samples.forEach(sample -> twin(sample, byId));
    }
  }

  private static Map<String, Sample> byId(List<Sample> samples) {
    Map<String, Sample> byId = new HashMap<>();
    samples.forEach(sample -> byId.put(sample.id(), sample));
    return byId;
  }

  private static Sample twin(Sample sample, Map<String, Sample> byId) {
    Sample twin = sample.twin() == null ? null : byId.get(sample.twin());
    if (twin == null) {
      throw new IllegalArgumentException(
          "the information gain against twins needs the twin of sample "
              + Excerpt.of(sample.id())
              + ", which is not in the list");
    }
    if (twin.images().size() != sample.images().size()) {
      throw new IllegalArgumentException(
          "the information gain against twins needs as many images of sample "
              + Excerpt.of(twin.id())
              + " as of its twin "
              + Excerpt.of(sample.id())
              + ", found "
              + twin.images().size()
              + " and "
              + sample.images().size());
    }
    return twin;
  }
}
