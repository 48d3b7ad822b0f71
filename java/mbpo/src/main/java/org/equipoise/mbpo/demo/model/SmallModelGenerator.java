package org.equipoise.mbpo.demo.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.TokenChoice;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.tensor.HostTensors;

/**
 * Batched generation with a KV cache. Prompts are bucketed by length, so that no attention mask is
 * needed; rows with the same image tensor and prompt share one prefill; the blind pass of
 * contrastive decoding is shared by rows with the same prompt.
 */
final class SmallModelGenerator {
  private static final int PREFIX = SmallModelParameters.PATCHES;

  private final SmallMultimodalModel model;
  private final GenerationOptions options;
  private final KeyedRandom random;

  SmallModelGenerator(SmallMultimodalModel model, GenerationOptions options) {
    this.model = model;
    this.options = options;
    this.random = KeyedRandom.of(options.seed(), "generation");
  }

  List<GeneratedAnswer> generate(ImageBatch images, List<int[]> prompts, long[] streams) {
    boolean sampling = options.temperature() > 0;
    if (images.size() != prompts.size() || (sampling && streams.length != prompts.size())) {
      throw new IllegalArgumentException(
          "one image and, when sampling, one stream per prompt are needed, found "
              + images.size()
              + " images, "
              + prompts.size()
              + " prompts, "
              + (streams == null ? 0 : streams.length)
              + " streams");
    }
    GeneratedAnswer[] answers = new GeneratedAnswer[prompts.size()];
    if (prompts.isEmpty()) {
      return List.of();
    }
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      SmallMultimodalModel.DistinctImages distinct = SmallMultimodalModel.DistinctImages.of(images);
      Tensor imageTokens = model.encodeImages(distinct.stacked());
      Map<Integer, List<Integer>> byLength = new TreeMap<>();
      for (int i = 0; i < prompts.size(); i++) {
        byLength.computeIfAbsent(prompts.get(i).length, n -> new ArrayList<>()).add(i);
      }
      for (List<Integer> bucket : byLength.values()) {
        generateBucket(bucket, imageTokens, distinct.rows(), prompts, streams, answers);
      }
    }
    return Arrays.asList(answers);
  }

  private void generateBucket(
      List<Integer> rows,
      Tensor imageTokens,
      long[] imageOf,
      List<int[]> prompts,
      long[] streams,
      GeneratedAnswer[] answers) {
    int length = prompts.get(rows.get(0)).length;
    int limit = Math.min(options.maxNewTokens(), SmallModelParameters.MAX_TEXT - length + 1);
    boolean contrast = options.contrastAlpha() > 0;
    Stream seeing = prefill(rows, imageTokens, imageOf, prompts);
    Stream blind =
        contrast ? prefill(rows, blindTokens(), new long[prompts.size()], prompts) : null;
    int[][] tokens = new int[rows.size()][limit];
    int[] produced = new int[rows.size()];
    boolean[] finished = new boolean[rows.size()];
    int open = rows.size();
    for (int step = 0; step < limit && open > 0; step++) {
      float[] logits = HostTensors.toFloats(seeing.logits());
      float[] blindLogits = contrast ? HostTensors.toFloats(blind.logits()) : null;
      int vocabulary = logits.length / rows.size();
      long[] next = new long[rows.size()];
      for (int i = 0; i < rows.size(); i++) {
        if (finished[i]) {
          continue;
        }
        double uniform =
            options.temperature() == 0 ? 0 : random.uniform(0, streams[rows.get(i)], step);
        int token =
            TokenChoice.choose(
                logits,
                blindLogits,
                i * vocabulary,
                vocabulary,
                options,
                uniform,
                new TokenChoice.Place(prompts.get(rows.get(i)), tokens[i], produced[i]));
        tokens[i][produced[i]++] = token;
        next[i] = token;
        if (token == model.tokenizer().endToken()) {
          finished[i] = true;
          open--;
        }
      }
      if (step + 1 < limit && open > 0) {
        Tensor ids = HostTensors.longs(next, rows.size(), 1);
        seeing = advance(seeing, ids, length + step);
        blind = contrast ? advance(blind, ids, length + step) : null;
      }
    }
    for (int i = 0; i < rows.size(); i++) {
      int[] ids = Arrays.copyOf(tokens[i], produced[i]);
      answers[rows.get(i)] =
          new GeneratedAnswer(ids, model.tokenizer().decodeAnswer(ids), finished[i]);
    }
  }

  /** Decoding state of a batch: next-word logits and one cache per decoder block. */
  private record Stream(Tensor logits, List<TransformerBlock.Cache> caches) {}

  private record PrefillKey(long image, List<Integer> prompt) {}

  private Stream prefill(
      List<Integer> rows, Tensor imageTokens, long[] imageOf, List<int[]> prompts) {
    Map<PrefillKey, Integer> distinct = new LinkedHashMap<>();
    long[] prefillOf = new long[rows.size()];
    for (int i = 0; i < rows.size(); i++) {
      int row = rows.get(i);
      PrefillKey key =
          new PrefillKey(imageOf[row], Arrays.stream(prompts.get(row)).boxed().toList());
      Integer known = distinct.putIfAbsent(key, distinct.size());
      prefillOf[i] = known == null ? distinct.size() - 1 : known;
    }
    int count = distinct.size();
    int length = prompts.get(rows.get(0)).length;
    long[] imageRows = new long[count];
    long[] ids = new long[count * length];
    long[] last = new long[count];
    int at = 0;
    for (PrefillKey key : distinct.keySet()) {
      imageRows[at] = key.image();
      for (int t = 0; t < length; t++) {
        ids[at * length + t] = key.prompt().get(t);
      }
      last[at] = (long) (at + 1) * (PREFIX + length) - 1;
      at++;
    }
    Tensor states =
        model.decoderInput(
            imageTokens.index_select(0, HostTensors.longs(imageRows, count)),
            HostTensors.longs(ids, count, length),
            model.textPositions(length));
    List<TransformerBlock.Cache> caches = new ArrayList<>();
    List<TransformerBlock> blocks = model.decoder();
    for (int layer = 0; layer < blocks.size(); layer++) {
      TransformerBlock.Output output =
          layer < blocks.size() - 1
              ? blocks.get(layer).apply(states, true)
              : blocks.get(layer).applyAt(states, HostTensors.longs(last, count), null);
      states = output.states();
      caches.add(output.cache());
    }
    Tensor logits = model.head(states);
    if (count == rows.size()) {
      return new Stream(logits, caches);
    }
    Tensor expand = HostTensors.longs(prefillOf, prefillOf.length);
    return new Stream(
        logits.index_select(0, expand), caches.stream().map(c -> c.rows(expand)).toList());
  }

  private Stream advance(Stream stream, Tensor ids, int textPosition) {
    Tensor states = model.tokenInput(ids, textPosition);
    List<TransformerBlock.Cache> caches = new ArrayList<>();
    for (int layer = 0; layer < stream.caches().size(); layer++) {
      TransformerBlock.Output output =
          model.decoder().get(layer).applyNext(states, stream.caches().get(layer));
      states = output.states();
      caches.add(output.cache());
    }
    return new Stream(model.head(states), caches);
  }

  private Tensor blindTokens() {
    int size = SmallMultimodalModel.imageSize();
    Tensor grey =
        torch.full(new long[] {1, 3, size, size}, new Scalar(SmallMultimodalModel.blindLevel()));
    return model.encodeImages(grey);
  }
}
