package org.equipoise.mbpo.toy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.model.AnswerStates;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.ImageProcessor;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.TextTokenizer;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.tensor.HostTensors;

/**
 * Not a transformer at all, to show that the system asks nothing but {@link MultimodalModel} of a
 * model: the mean colour of the left and right half of an image of any size, the sum of the
 * prompt's word vectors, the previous answer word and the position go through two layers. Takes
 * prompts without an image.
 */
public final class ToyModel implements MultimodalModel {
  private static final int WIDTH = 48;
  private static final int MAX_ANSWER = 8;
  private static final int FEATURES = 6;

  private final TextTokenizer tokenizer = new ToyTokenizer();
  private final ImageProcessor processor = new ToyImageProcessor();
  private final Map<String, Tensor> parameters = new LinkedHashMap<>();

  public ToyModel(long seed) {
    int vocabulary = tokenizer.vocabularySize();
    add("image.weight", seed, 1, FEATURES, WIDTH);
    add("prompt.embedding", seed, 0.5, vocabulary, WIDTH);
    add("answer.embedding", seed, 0.5, vocabulary, WIDTH);
    add("position.embedding", seed, 0.5, MAX_ANSWER + 1, WIDTH);
    add("first.weight", seed, 1 / Math.sqrt(WIDTH), WIDTH, WIDTH);
    add("first.bias", seed, 0.01, WIDTH);
    add("head.weight", seed, 1 / Math.sqrt(WIDTH), vocabulary, WIDTH);
  }

  private ToyModel(ToyModel other) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      other.parameters.forEach(
          (name, tensor) -> parameters.put(name, kept(tensor.detach().clone())));
    }
  }

  private void add(String name, long seed, double scale, long... shape) {
    int count = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    float[] values = new float[count];
    KeyedRandom random = KeyedRandom.of(seed, "toy-weights");
    for (int i = 0; i < count; i++) {
      values[i] = (float) (scale * random.gaussian(0, KeyedRandom.id(name), i));
    }
    try (PointerScope scope = new PointerScope()) {
      parameters.put(name, kept(HostTensors.floats(values, shape)));
    }
  }

  private static Tensor kept(Tensor tensor) {
    Tensor leaf = tensor.set_requires_grad(true);
    return leaf.retainReference();
  }

  @Override
  public String name() {
    return "toy";
  }

  @Override
  public TextTokenizer tokenizer() {
    return tokenizer;
  }

  @Override
  public ImageProcessor imageProcessor() {
    return processor;
  }

  @Override
  public Map<String, Tensor> parameters() {
    return parameters;
  }

  /** What is known before the answer: [sequences, width]. */
  private Tensor context(ImageBatch images, List<int[]> prompts) {
    List<Tensor> rows = new ArrayList<>();
    for (int i = 0; i < prompts.size(); i++) {
      long[] ids = Arrays.stream(prompts.get(i)).asLongStream().toArray();
      Tensor words =
          parameters.get("prompt.embedding").index_select(0, HostTensors.longs(ids, ids.length));
      Tensor row = words.sum(0);
      if (images != null) {
        Tensor image =
            images.stacked() != null ? images.stacked().select(0, i) : images.images().get(i);
        row = row.add(features(image).matmul(parameters.get("image.weight")));
      }
      rows.add(row);
    }
    return torch.stack(new TensorVector(rows.toArray(new Tensor[0])));
  }

  private Tensor features(Tensor image) {
    Tensor mean = HostTensors.floats(processor.mean(), 3, 1, 1);
    Tensor deviation = HostTensors.floats(processor.standardDeviation(), 3, 1, 1);
    Tensor normalised = image.sub(mean).div(deviation);
    long half = image.size(2) / 2;
    Tensor left = normalised.narrow(2, 0, half).mean(1, 2);
    Tensor right = normalised.narrow(2, image.size(2) - half, half).mean(1, 2);
    return torch.cat(new TensorVector(left, right), 0);
  }

  /** Hidden states of (context row, previous word, position) triples. */
  private Tensor hidden(Tensor context, long[] rows, long[] previous, long[] positions) {
    Tensor input =
        context
            .index_select(0, HostTensors.longs(rows, rows.length))
            .add(
                parameters
                    .get("answer.embedding")
                    .index_select(0, HostTensors.longs(previous, previous.length)))
            .add(
                parameters
                    .get("position.embedding")
                    .index_select(0, HostTensors.longs(positions, positions.length)));
    return torch.tanh(
        torch.tanh(input).matmul(parameters.get("first.weight")).add(parameters.get("first.bias")));
  }

  @Override
  public AnswerStates forward(ImageBatch images, List<TokenSequence> sequences) {
    int tokens = sequences.stream().mapToInt(s -> s.answer().length).sum();
    long[] rows = new long[tokens];
    long[] previous = new long[tokens];
    long[] positions = new long[tokens];
    int at = 0;
    for (int row = 0; row < sequences.size(); row++) {
      int[] answer = sequences.get(row).answer();
      for (int t = 0; t < answer.length; t++, at++) {
        rows[at] = row;
        previous[at] = t == 0 ? 0 : answer[t - 1];
        positions[at] = Math.min(t, MAX_ANSWER);
      }
    }
    Tensor context = context(images, sequences.stream().map(TokenSequence::prompt).toList());
    Tensor hidden = hidden(context, rows, previous, positions);
    Tensor head = parameters.get("head.weight");
    return new AnswerStates() {
      @Override
      public Tensor logits() {
        return hidden.matmul(head.t());
      }

      @Override
      public Tensor hidden() {
        return hidden;
      }

      @Override
      public Tensor headWeight() {
        return head;
      }
    };
  }

  @Override
  public List<GeneratedAnswer> generate(
      ImageBatch images, List<int[]> prompts, long[] streams, GenerationOptions options) {
    List<GeneratedAnswer> answers = new ArrayList<>();
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      Tensor seen = context(images, prompts);
      boolean contrast = options.contrastAlpha() > 0;
      Tensor blind = contrast ? context(images.blind(processor.mean()), prompts) : null;
      for (int row = 0; row < prompts.size(); row++) {
        long stream = options.temperature() > 0 ? streams[row] : 0;
        answers.add(generate(seen, blind, row, stream, options));
      }
    }
    return answers;
  }

  private GeneratedAnswer generate(
      Tensor seen, Tensor blind, int row, long stream, GenerationOptions options) {
    KeyedRandom random = KeyedRandom.of(options.seed(), "toy-generation");
    List<Integer> ids = new ArrayList<>();
    int last = 0;
    boolean finished = false;
    while (ids.size() < options.maxNewTokens() && !finished) {
      float[] logits = next(seen, row, last, ids.size());
      double[] scores = new double[logits.length];
      float[] blindLogits = blind == null ? null : next(blind, row, last, ids.size());
      double best = Double.NEGATIVE_INFINITY;
      for (float logit : logits) {
        best = Math.max(best, logit);
      }
      double lowest = best + Math.log(options.contrastPlausibility());
      for (int v = 0; v < scores.length; v++) {
        double alpha = options.contrastAlpha();
        scores[v] =
            blindLogits == null
                ? logits[v]
                : logits[v] < lowest
                    ? Double.NEGATIVE_INFINITY
                    : (1 + alpha) * logits[v] - alpha * blindLogits[v];
      }
      last = choose(scores, options, random.uniform(0, stream, ids.size()));
      ids.add(last);
      finished = last == tokenizer.endToken();
    }
    int[] tokens = ids.stream().mapToInt(Integer::intValue).toArray();
    return new GeneratedAnswer(tokens, tokenizer.decodeAnswer(tokens), finished);
  }

  private float[] next(Tensor context, int row, int last, int position) {
    Tensor hidden =
        hidden(
            context,
            new long[] {row},
            new long[] {last},
            new long[] {Math.min(position, MAX_ANSWER)});
    return HostTensors.toFloats(hidden.matmul(parameters.get("head.weight").t()));
  }

  private static int choose(double[] scores, GenerationOptions options, double uniform) {
    int best = 0;
    for (int v = 1; v < scores.length; v++) {
      best = scores[v] > scores[best] ? v : best;
    }
    if (options.temperature() == 0) {
      return best;
    }
    double sum = 0;
    double[] cumulative = new double[scores.length];
    for (int v = 0; v < scores.length; v++) {
      sum += Math.exp((scores[v] - scores[best]) / options.temperature());
      cumulative[v] = sum;
    }
    for (int v = 0; v < scores.length; v++) {
      if (uniform * sum < cumulative[v]) {
        return v;
      }
    }
    return best;
  }

  @Override
  public ToyModel copy() {
    return new ToyModel(this);
  }

  @Override
  public void close() {
    parameters.values().forEach(Tensor::close);
  }
}
