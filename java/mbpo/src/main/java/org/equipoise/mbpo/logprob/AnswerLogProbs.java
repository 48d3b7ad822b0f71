package org.equipoise.mbpo.logprob;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongConsumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.model.AnswerStates;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.Returned;
import org.equipoise.mbpo.model.TextTokenizer;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.torch.FusedLinear;
import org.equipoise.torch.TokenLogProbs;
import org.equipoise.torch.WidenedProducts;
import org.jspecify.annotations.Nullable;

/**
 * Log-probs of given answers under a model, without gradient, batch by batch. As thread-safe as the
 * model: one thread at a time.
 */
public final class AnswerLogProbs {
  /** Bytes of logits that are held at a time, where the model has a head. */
  public static final long LOGIT_BUDGET = 256L << 20;

  private final MultimodalModel model;
  private final int batchSize;

  public AnswerLogProbs(MultimodalModel model, int batchSize) {
    if (batchSize < 1) {
      throw new IllegalArgumentException("batchSize must be at least 1, found " + batchSize);
    }
    this.model = model;
    this.batchSize = batchSize;
  }

  /** What stands before the question. */
  public enum Sight {
    /** The images themselves. */
    IMAGE,
    /** Blind images of the same sizes. */
    BLIND,
    /** No image; sequences must then have text-only prompts. */
    NONE
  }

  /** Per-token log-probs of each sequence's answer, in order. */
  public List<float[]> tokenLogProbs(
      List<Images> images, List<TokenSequence> sequences, Sight sight) {
    return tokenLogProbs(images, sequences, sight, done -> {});
  }

  /**
   * The same, telling after every batch how many sequences are done.
   *
   * @param images those of each sequence; ignored without an image
   */
  public List<float[]> tokenLogProbs(
      List<Images> images, List<TokenSequence> sequences, Sight sight, LongConsumer done) {
    List<float[]> logProbs = new ArrayList<>(sequences.size());
    for (int from = 0; from < sequences.size(); from += batchSize) {
      int to = Math.min(sequences.size(), from + batchSize);
      List<TokenSequence> batch = sequences.subList(from, to);
      try (PointerScope scope = new PointerScope();
          NoGradGuard noGrad = new NoGradGuard()) {
        ImageBatch seen = null;
        if (sight != Sight.NONE) {
          List<Images> own = images.subList(from, to);
          seen =
              sight == Sight.BLIND
                  ? ImageBatch.blindOfQuestions(own, model.imageProcessor().mean())
                  : ImageBatch.ofQuestions(own);
        }
        logProbs.addAll(split(requireNumbers(HostTensors.toFloats(logProbs(seen, batch))), batch));
      }
      done.accept(to);
    }
    return logProbs;
  }

  /**
   * Refuses log-probs of answers that are no numbers, with which everything would compare false.
   */
  public static float[] requireNumbers(float[] logProbs) {
    for (float value : logProbs) {
      if (!Float.isFinite(value)) {
        throw new IllegalStateException(
            "the log-prob of an answer's token is "
                + value
                + ": the model's weights are damaged, or numbers overflow; where they are computed"
                + " in 16 bits, try --set model.type=FLOAT32");
      }
    }
    return logProbs;
  }

  private Tensor logProbs(@Nullable ImageBatch images, List<TokenSequence> batch) {
    AnswerStates states =
        Returned.required(model.forward(images, batch), "MultimodalModel.forward");
    if (fitsBudget(states, LOGIT_BUDGET)) {
      Tensor logits = Returned.required(states.logits(), "AnswerStates.logits");
      Tensor targets = HostTensors.onDeviceOf(logits, targets(batch));
      return TokenLogProbs.forward(logits, targets).values();
    }
    Tensor targets = HostTensors.onDeviceOf(states.hidden(), targets(batch));
    return FusedLinear.head(states.headWeight())
        .logitBudget(LOGIT_BUDGET)
        .score(states.hidden(), targets);
  }

  /**
   * Whether logits are best held whole: they are few, or the model gives nothing else. Where
   * products with the head are widened, {@link FusedLinear} does it a block of it at a time.
   */
  public static boolean fitsBudget(AnswerStates states, long logitBudget) {
    if (states.hidden() == null) {
      return true;
    }
    if (states.headWeight().scalar_type().intern() == ScalarType.BFloat16
        && WidenedProducts.pay(states.headWeight())) {
      return false;
    }
    long logits = states.hidden().size(0) * states.headWeight().size(0);
    return logits * states.hidden().element_size() <= logitBudget;
  }

  /** Prompt and an answer to a sample's question as token ids. */
  public static TokenSequence sequence(TextTokenizer tokenizer, Sample sample, String answer) {
    return new TokenSequence(
        prompt(tokenizer, sample),
        Returned.required(tokenizer.encodeAnswer(answer), "TextTokenizer.encodeAnswer"));
  }

  /** The prompt of a sample as token ids. */
  public static int[] prompt(TextTokenizer tokenizer, Sample sample) {
    return Returned.required(tokenizer.encodePrompt(sample.prompt()), "TextTokenizer.encodePrompt");
  }

  /** Gold sequences of samples. */
  public static List<TokenSequence> sequences(TextTokenizer tokenizer, List<Sample> samples) {
    return samples.stream().map(s -> sequence(tokenizer, s, s.answer())).toList();
  }

  /** The images of samples at the model's size. */
  public static List<Images> images(MultimodalModel model, List<Sample> samples) {
    return samples.stream().map(s -> images(model, s)).toList();
  }

  /** The images of a sample at the model's size. */
  public static Images images(MultimodalModel model, Sample sample) {
    return Returned.required(
        model.imageProcessor().resize(Images.load(sample.images())), "ImageProcessor.resize");
  }

  /** All answer tokens of a batch, packed: int64 [tokens]. */
  public static Tensor targets(List<TokenSequence> sequences) {
    long[] ids =
        sequences.stream().flatMapToLong(s -> Arrays.stream(s.answer()).asLongStream()).toArray();
    return HostTensors.longs(ids, ids.length);
  }

  /** Packed values, sequence by sequence. */
  public static List<float[]> split(float[] packed, List<TokenSequence> sequences) {
    List<float[]> parts = new ArrayList<>(sequences.size());
    int at = 0;
    for (TokenSequence sequence : sequences) {
      parts.add(Arrays.copyOfRange(packed, at, at + sequence.answer().length));
      at += sequence.answer().length;
    }
    if (at != packed.length) {
      throw new IllegalStateException(
          "the model gave " + packed.length + " answer states for " + at + " answer tokens");
    }
    return parts;
  }

  /** Sum of packed values [tokens] over each sequence's answer: [sequences]; differentiable. */
  public static Tensor sumPerSequence(Tensor packed, List<TokenSequence> sequences) {
    long[] owner = new long[(int) packed.size(0)];
    int at = 0;
    for (int row = 0; row < sequences.size(); row++) {
      int end = at + sequences.get(row).answer().length;
      Arrays.fill(owner, at, end, row);
      at = end;
    }
    Tensor rows = HostTensors.onDeviceOf(packed, HostTensors.longs(owner, owner.length));
    Tensor zeros =
        HostTensors.onDeviceOf(
                packed, HostTensors.floats(new float[sequences.size()], sequences.size()))
            .to(packed.scalar_type());
    return zeros.index_add(0, rows, packed);
  }

  /** Number of answer tokens, a closing end token not counted. */
  public static int contentLength(int[] answer, TextTokenizer tokenizer) {
    boolean ended = answer.length > 0 && answer[answer.length - 1] == tokenizer.endToken();
    return ended ? answer.length - 1 : answer.length;
  }

  /** Sum over the answer tokens, a closing end token left out. */
  public static double contentSum(float[] logProbs, int[] answer, TextTokenizer tokenizer) {
    double sum = 0;
    for (int t = 0; t < contentLength(answer, tokenizer); t++) {
      sum += logProbs[t];
    }
    return sum;
  }

  /**
   * Mean over the answer tokens, a closing end token left out; an answer without tokens is refused.
   */
  public static double contentMean(float[] logProbs, int[] answer, TextTokenizer tokenizer) {
    int length = contentLength(answer, tokenizer);
    if (length == 0) {
      throw new IllegalArgumentException("an answer without tokens has no mean log-prob");
    }
    return contentSum(logProbs, answer, tokenizer) / length;
  }
}
