package org.equipoise.mbpo.torchscript;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.TokenChoice;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.tensor.HostTensors;
import org.jspecify.annotations.Nullable;

/** Generation that reads every row anew for each token. */
final class TorchScriptGenerator {
  private final TorchScriptModel model;
  private final GenerationOptions options;
  private final KeyedRandom random;

  TorchScriptGenerator(TorchScriptModel model, GenerationOptions options) {
    this.model = model;
    this.options = options;
    this.random = KeyedRandom.of(options.seed(), "generation");
  }

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
    List<int[]> rows = new ArrayList<>(prompts);
    boolean[] finished = new boolean[rows.size()];
    int[] ones = new int[rows.size()];
    Arrays.fill(ones, 1);
    try (PointerScope outer = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      ModuleRows seeing = new ModuleRows(model, images, rows.size());
      ModuleRows blind =
          options.contrastAlpha() > 0
              ? new ModuleRows(model, images.blind(model.imageProcessor().mean()), rows.size())
              : null;
      int open = rows.size();
      for (int step = 0; step < options.maxNewTokens() && open > 0; step++) {
        float[] logits;
        float[] blindLogits = null;
        try (PointerScope scope = new PointerScope()) {
          logits = HostTensors.toFloats(seeing.last(rows, ones));
          if (blind != null) {
            blindLogits = HostTensors.toFloats(blind.last(rows, ones));
          }
        }
        int vocabulary = logits.length / rows.size();
        for (int i = 0; i < finished.length; i++) {
          if (finished[i]) {
            continue;
          }
          double uniform = sampling ? random.uniform(0, streams[i], step) : 0;
          int token =
              TokenChoice.choose(
                  logits,
                  blindLogits,
                  i * vocabulary,
                  vocabulary,
                  options,
                  uniform,
                  place(prompts.get(i), rows.get(i)));
          int[] row = Arrays.copyOf(rows.get(i), rows.get(i).length + 1);
          row[row.length - 1] = token;
          rows.set(i, row);
          finished[i] = token == model.tokenizer().endToken();
          open -= finished[i] ? 1 : 0;
        }
      }
    }
    List<GeneratedAnswer> answers = new ArrayList<>();
    for (int i = 0; i < finished.length; i++) {
      int[] ids = Arrays.copyOfRange(rows.get(i), prompts.get(i).length, rows.get(i).length);
      answers.add(new GeneratedAnswer(ids, model.tokenizer().decodeAnswer(ids), finished[i]));
    }
    return answers;
  }

  private static TokenChoice.Place place(int[] prompt, int[] row) {
    int[] answer = Arrays.copyOfRange(row, prompt.length, row.length);
    return new TokenChoice.Place(prompt, answer, answer.length);
  }
}
