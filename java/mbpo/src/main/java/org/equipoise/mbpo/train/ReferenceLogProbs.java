package org.equipoise.mbpo.train;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.data.DataFingerprint;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.storage.Fingerprint;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.mbpo.tensor.WeightsFingerprint;
import org.jspecify.annotations.Nullable;

/**
 * Per-token log-probs of chosen and rejected answers under the starting weights, given the clean
 * image: computed once, kept in memory, and in a file beside the checkpoint so that a resumed run
 * need not compute them again.
 */
final class ReferenceLogProbs {
  private static final String LOG_PROBS = "log_probs";

  private final List<float[]> values;

  private ReferenceLogProbs(List<float[]> values) {
    this.values = values;
  }

  /**
   * @param model with its starting weights
   * @param context whose checkpoint file, if it has one, they are kept beside
   * @param pairsAtATime as many as in a pass of the training, so that no more memory is needed here
   */
  static ReferenceLogProbs of(
      MultimodalModel model,
      List<PreferenceRecord> pairs,
      TrainingContext context,
      int pairsAtATime) {
    Path checkpoint = context.checkpoint();
    Path file =
        checkpoint == null
            ? null
            : checkpoint.resolveSibling(checkpoint.getFileName() + TrainingContext.REFERENCE);
    String fingerprint = file == null ? "" : fingerprint(model, pairs);
    if (file != null && Files.exists(file)) {
      ReferenceLogProbs kept = read(file, fingerprint, model, pairs, context.onNotice());
      if (kept != null) {
        return kept;
      }
    }
    List<float[]> values = new ArrayList<>(2 * pairs.size());
    AnswerLogProbs answers = new AnswerLogProbs(model, 2 * pairsAtATime);
    for (MicroBatches.Part part : MicroBatches.of(pairs.size(), pairsAtATime)) {
      List<PreferenceRecord> batch = pairs.subList(part.from(), part.to());
      values.addAll(
          answers.tokenLogProbs(
              images(model, batch), sequences(model, batch), AnswerLogProbs.Sight.IMAGE));
    }
    if (file != null) {
      write(file, fingerprint, values);
    }
    return new ReferenceLogProbs(values);
  }

  float[] chosen(int pair) {
    return values.get(2 * pair);
  }

  float[] rejected(int pair) {
    return values.get(2 * pair + 1);
  }

  /** Clean images, each twice: for the chosen and the rejected answer. */
  static List<Images> images(MultimodalModel model, List<PreferenceRecord> pairs) {
    List<Images> images = new ArrayList<>();
    for (PreferenceRecord pair : pairs) {
      Images seen = model.imageProcessor().resize(Images.load(pair.images()));
      images.add(seen);
      images.add(seen);
    }
    return images;
  }

  /** Chosen and rejected answer of each pair in turn. */
  static List<TokenSequence> sequences(MultimodalModel model, List<PreferenceRecord> pairs) {
    List<TokenSequence> sequences = new ArrayList<>();
    for (PreferenceRecord pair : pairs) {
      Sample question = pair.sample();
      sequences.add(AnswerLogProbs.sequence(model.tokenizer(), question, pair.chosen()));
      sequences.add(AnswerLogProbs.sequence(model.tokenizer(), question, pair.rejected()));
    }
    return sequences;
  }

  private static void write(Path file, String fingerprint, List<float[]> values) {
    int total = values.stream().mapToInt(v -> v.length).sum();
    float[] packed = new float[total];
    int at = 0;
    for (float[] part : values) {
      System.arraycopy(part, 0, packed, at, part.length);
      at += part.length;
    }
    try (PointerScope scope = new PointerScope()) {
      Map<String, Tensor> tensors = Map.of(LOG_PROBS, HostTensors.floats(packed, total));
      SafetensorsFile.write(file, tensors, Map.of("fingerprint", fingerprint));
    }
  }

  private static String fingerprint(MultimodalModel model, List<PreferenceRecord> pairs) {
    return new Fingerprint()
        .add("model", model.name())
        .add("weights", WeightsFingerprint.of(model.weights()))
        .add("pairs", DataFingerprint.ofPairs(pairs))
        .hex();
  }

  /** Null where the file is not as it was written. */
  static @Nullable ReferenceLogProbs read(
      Path file,
      String fingerprint,
      MultimodalModel model,
      List<PreferenceRecord> pairs,
      Consumer<String> notices) {
    try (PointerScope scope = new PointerScope()) {
      SafetensorsFile.Contents contents;
      try {
        contents = SafetensorsFile.readChecked(file);
      } catch (IllegalArgumentException e) {
        notices.accept(e.getMessage() + "; reference log-probs are computed again");
        return null;
      }
      if (!fingerprint.equals(contents.metadata().get("fingerprint"))) {
        throw new IllegalArgumentException(
            "reference log-probs "
                + file
                + " belong to other data or starting weights; delete the file to compute them"
                + " anew");
      }
      List<TokenSequence> sequences = sequences(model, pairs);
      long tokens = sequences.stream().mapToLong(own -> own.answer().length).sum();
      Tensor kept = contents.tensors().get(LOG_PROBS);
      if (kept == null || kept.numel() != tokens || !kept.is_floating_point()) {
        notices.accept(
            file + " does not hold a number for each answer's token; they are computed again");
        return null;
      }
      float[] packed = AnswerLogProbs.requireNumbers(HostTensors.toFloats(kept));
      return new ReferenceLogProbs(AnswerLogProbs.split(packed, sequences));
    }
  }
}
