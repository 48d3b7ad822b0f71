package org.equipoise.mbpo.qwen;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.TokenChoice;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.tensor.HostTensors;
import org.jspecify.annotations.Nullable;

/**
 * Generation with a cache of keys and values. Each image is encoded once; rows with the same prompt
 * and images share one pass over the prompt and its keys and values. Rows whose prompts have equal
 * length, and equally many rows to a prompt, go together, so that no attention mask is needed.
 */
final class QwenGenerator {
  private final QwenModel model;
  private final GenerationOptions options;
  private final KeyedRandom random;

  QwenGenerator(QwenModel model, GenerationOptions options) {
    this.model = model;
    this.options = options;
    this.random = KeyedRandom.of(options.seed(), "generation");
  }

  /** Rows that go on from one prompt. */
  private record Group(int prompt, List<Integer> rows) {}

  private record Shape(int promptLength, int rowsPerPrompt) {}

  List<GeneratedAnswer> generate(@Nullable ImageBatch images, List<int[]> prompts, long[] streams) {
    boolean sampling = options.temperature() > 0;
    if (sampling && streams.length != prompts.size()) {
      throw new IllegalArgumentException(
          "sampling needs one stream per prompt, found "
              + streams.length
              + " streams and "
              + prompts.size()
              + " prompts");
    }
    GeneratedAnswer[] answers = new GeneratedAnswer[prompts.size()];
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      QwenRows rows = QwenRows.of(model.config(), images, prompts);
      model.config().text().requireContext(rows.longest(), options.maxNewTokens());
      List<Tensor> features = rows.encode(model.tower());
      boolean contrast = options.contrastAlpha() > 0 && images != null;
      List<Tensor> blind =
          contrast
              ? QwenRows.of(model.config(), images.blind(model.imageProcessor().mean()), prompts)
                  .encode(model.tower())
              : null;
      for (List<Group> bucket : buckets(rows)) {
        generate(rows, bucket, features, blind, streams, answers);
      }
    }
    return Arrays.asList(answers);
  }

  private static Iterable<List<Group>> buckets(QwenRows rows) {
    Map<Object, List<Integer>> byPrompt = new LinkedHashMap<>();
    for (int row = 0; row < rows.size(); row++) {
      byPrompt.computeIfAbsent(rows.key(row), key -> new ArrayList<>()).add(row);
    }
    Map<Shape, List<Group>> buckets = new LinkedHashMap<>();
    for (List<Integer> own : byPrompt.values()) {
      buckets
          .computeIfAbsent(
              new Shape(rows.length(own.get(0)), own.size()), shape -> new ArrayList<>())
          .add(new Group(own.get(0), own));
    }
    return buckets.values();
  }

  /** Next-token logits [rows, vocabulary] and the keys and values behind them. */
  private record Stream(Tensor logits, KeyValueCache cache) implements AutoCloseable {
    @Override
    public void close() {
      cache.close();
    }
  }

  private void generate(
      QwenRows all,
      List<Group> groups,
      List<Tensor> features,
      @Nullable List<Tensor> blindFeatures,
      long[] streams,
      GeneratedAnswer[] answers) {
    QwenRows prompts = all.subset(groups.stream().map(Group::prompt).toList());
    int perPrompt = groups.get(0).rows().size();
    List<Integer> rows = groups.stream().flatMap(group -> group.rows().stream()).toList();
    List<MultimodalPositions> positions = rows.stream().map(all.positions()::get).toList();
    int limit = options.maxNewTokens();
    int[][] tokens = new int[rows.size()][limit];
    int[] produced = new int[rows.size()];
    boolean[] finished = new boolean[rows.size()];
    try (Stream seeing = prefill(prompts, features, perPrompt);
        Stream blind = blindFeatures == null ? null : prefill(prompts, blindFeatures, perPrompt)) {
      int open = rows.size();
      for (int step = 0; step < limit && open > 0; step++) {
        long[] next = new long[rows.size()];
        model.requireUnchanged();
        try (PointerScope scope = new PointerScope()) {
          int[] chosen = choose(seeing, blind, rows, streams, step, all, tokens);
          for (int i = 0; i < rows.size(); i++) {
            next[i] = chosen[i];
            if (!finished[i]) {
              tokens[i][produced[i]++] = chosen[i];
              finished[i] = model.stopTokens().contains(chosen[i]);
              open -= finished[i] ? 1 : 0;
            }
          }
        }
        if (step + 1 < limit && open > 0) {
          int place = prompts.longest() + step;
          advance(seeing, next, positions, place);
          if (blind != null) {
            advance(blind, next, positions, place);
          }
        }
      }
    }
    for (int i = 0; i < rows.size(); i++) {
      int[] ids = Arrays.copyOf(tokens[i], produced[i]);
      answers[rows.get(i)] =
          new GeneratedAnswer(ids, model.tokenizer().decodeAnswer(ids), finished[i]);
    }
  }

  private int[] choose(
      Stream seeing,
      @Nullable Stream blind,
      List<Integer> rows,
      long[] streams,
      int step,
      QwenRows all,
      int[][] answers) {
    int[] chosen = new int[rows.size()];
    if (options.temperature() == 0 && blind == null && options.rules().isEmpty()) {
      Tensor best = seeing.logits.argmax(new LongOptional(1), true);
      // Together, since each way from the device to the processor waits for all that is computed.
      double[] both =
          doubles(
              torch.cat(
                  new TensorVector(
                      best.to(ScalarType.Double),
                      seeing.logits.gather(1, best).to(ScalarType.Double)),
                  1));
      for (int i = 0; i < chosen.length; i++) {
        chosen[i] = (int) both[2 * i];
        TokenChoice.requireNumber(both[2 * i + 1]);
      }
      return chosen;
    }
    float[] logits = HostTensors.toFloats(seeing.logits);
    float[] blindLogits = blind == null ? null : HostTensors.toFloats(blind.logits);
    int vocabulary = logits.length / rows.size();
    for (int i = 0; i < chosen.length; i++) {
      double uniform =
          options.temperature() == 0 ? 0 : random.uniform(0, streams[rows.get(i)], step);
      chosen[i] =
          TokenChoice.choose(
              logits,
              blindLogits,
              i * vocabulary,
              vocabulary,
              options,
              uniform,
              new TokenChoice.Place(all.ids(rows.get(i)), answers[i], step));
    }
    return chosen;
  }

  private static double[] doubles(Tensor tensor) {
    double[] values = new double[(int) tensor.numel()];
    tensor.cpu().contiguous().data_ptr_double().get(values);
    return values;
  }

  private Stream prefill(QwenRows prompts, List<Tensor> features, int rowsPerPrompt) {
    LanguageModel language = model.language();
    KeyValueCache cache =
        new KeyValueCache(language.layers(), rowsPerPrompt, options.maxNewTokens());
    Tensor x = prompts.embed(language, features, model.deviceOf());
    Rotary rotary = language.rotary(prompts.positions(), 0, prompts.longest(), x);
    for (int layer = 0; layer < language.layers(); layer++) {
      x = language.block(layer, x, rotary, cache);
    }
    Tensor last = x.narrow(1, x.size(1) - 1, 1);
    Tensor logits = logits(last);
    return new Stream(
        rowsPerPrompt == 1
            ? logits
            : logits
                .unsqueeze(1)
                .expand(logits.size(0), rowsPerPrompt, logits.size(1))
                .reshape(logits.size(0) * rowsPerPrompt, logits.size(1))
                .contiguous(),
        cache);
  }

  /** Reads one more token per row; the stream's logits become those after it. */
  private void advance(Stream stream, long[] next, List<MultimodalPositions> positions, int place) {
    LanguageModel language = model.language();
    try (PointerScope scope = new PointerScope()) {
      Tensor ids =
          HostTensors.onDeviceOf(model.deviceOf(), HostTensors.longs(next, next.length, 1));
      Tensor x = language.embed(ids);
      Rotary rotary = language.rotary(positions, place, 1, x);
      for (int layer = 0; layer < language.layers(); layer++) {
        x = language.next(layer, x, rotary, stream.cache);
      }
      stream.logits.copy_(logits(x));
    }
    stream.cache.advance();
  }

  private Tensor logits(Tensor states) {
    Tensor normed = model.language().norm(states.reshape(-1, states.size(2)));
    return QwenWeights.logits(normed, model.headWeight());
  }
}
