package org.equipoise.mbpo.qwen;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.tensor.Scoped;
import org.equipoise.mbpo.tensor.Sizes;

/**
 * The language model: token embedding, pre-norm blocks of grouped-query attention with multimodal
 * rotary positions and a gated MLP, a last norm. Holds borrowed weights.
 */
final class LanguageModel {
  private static final String PATH = "model.language_model.";

  private final QwenConfig.Text config;
  private final QwenWeights weights;
  private final float[] frequencies;

  LanguageModel(QwenConfig config, QwenWeights weights) {
    this.config = config.text();
    this.weights = weights;
    this.frequencies = Rotary.frequencies(config.text().ropeTheta(), config.text().headWidth());
  }

  int layers() {
    return config.layers();
  }

  /** Embedded tokens [..., width]. */
  Tensor embed(Tensor ids) {
    return torch.embedding(weights.get(PATH + "embed_tokens.weight"), ids);
  }

  /** The last norm. */
  Tensor norm(Tensor states) {
    return weights.rmsNorm(PATH + "norm", states, config.normEpsilon());
  }

  /**
   * Rotary embedding for positions in time, height and width: frequency k follows time below the
   * first section's end, height below the second's, width above.
   *
   * @param rows the rows' positions
   * @param from first position of each row to take
   * @param length how many; shorter rows repeat their last one, which nobody looks at
   * @return [rows, 1, length, head width]
   */
  Rotary rotary(List<MultimodalPositions> rows, int from, int length, Tensor like) {
    int half = frequencies.length;
    float[] angles = new float[Sizes.array("the positions of a pass", rows.size(), length, half)];
    int at = 0;
    int timeEnd = config.ropeSections().get(0);
    int heightEnd = timeEnd + config.ropeSections().get(1);
    for (MultimodalPositions row : rows) {
      for (int t = from; t < from + length; t++) {
        for (int k = 0; k < half; k++) {
          int axis = k < timeEnd ? 0 : k < heightEnd ? 1 : 2;
          angles[at++] = row.position(axis, t) * frequencies[k];
        }
      }
    }
    return Rotary.of(angles, new long[] {rows.size(), 1, length, half}, like)
        .to(like.scalar_type());
  }

  /** One block over rows of prompts with their answers [rows, positions, width]. */
  Tensor block(int layer, Tensor x, Rotary rotary, AnswerRows rows) {
    return Scoped.result(
        () -> attended(layer, x, heads(layer, normed(layer, x), rotary), rows::attend));
  }

  /**
   * One block over prompts [rows, positions, width], causal.
   *
   * @param cache where to keep keys and values
   */
  Tensor block(int layer, Tensor x, Rotary rotary, KeyValueCache cache) {
    return Scoped.result(
        () -> {
          Heads heads = heads(layer, normed(layer, x), rotary);
          cache.prompt(layer, heads.key, heads.value);
          return attended(layer, x, heads, Attention::causal);
        });
  }

  /** Attention of queries, keys and values with equally many heads. */
  private interface Mixing {
    Tensor mix(Tensor query, Tensor key, Tensor value);
  }

  private Tensor attended(int layer, Tensor x, Heads heads, Mixing attention) {
    long groups = config.heads() / config.keyValueHeads();
    Tensor mixed =
        attention.mix(heads.query, repeated(heads.key, groups), repeated(heads.value, groups));
    return finish(layer, x, joined(mixed));
  }

  /** One block over one new position per row [rows, 1, width], after those in the cache. */
  Tensor next(int layer, Tensor x, Rotary rotary, KeyValueCache cache) {
    return Scoped.result(
        () -> {
          Heads heads = heads(layer, normed(layer, x), rotary);
          Tensor mixed = cache.attend(layer, heads.query, heads.key, heads.value);
          return finish(layer, x, joined(mixed));
        });
  }

  /** Query [rows, heads, positions, head width], key and value with their own number of heads. */
  private record Heads(Tensor query, Tensor key, Tensor value) {}

  private static String path(int layer) {
    return PATH + "layers." + layer + ".";
  }

  private Tensor normed(int layer, Tensor x) {
    return weights.rmsNorm(path(layer) + "input_layernorm", x, config.normEpsilon());
  }

  private Heads heads(int layer, Tensor normed, Rotary rotary) {
    String path = path(layer) + "self_attn.";
    return new Heads(
        rotary.apply(split(weights.linear(path + "q_proj", normed), config.heads())),
        rotary.apply(split(weights.linear(path + "k_proj", normed), config.keyValueHeads())),
        split(weights.linear(path + "v_proj", normed), config.keyValueHeads()));
  }

  private static Tensor split(Tensor x, long heads) {
    return x.view(x.size(0), x.size(1), heads, x.size(2) / heads).transpose(1, 2);
  }

  /** [rows, heads, positions, head width] to [rows, positions, width]. */
  private static Tensor joined(Tensor heads) {
    return heads
        .transpose(1, 2)
        .reshape(heads.size(0), heads.size(2), heads.size(1) * heads.size(3));
  }

  /** Each head of keys or values as often as query heads use it. */
  private static Tensor repeated(Tensor x, long times) {
    if (times == 1) {
      return x;
    }
    return x.unsqueeze(2)
        .expand(x.size(0), x.size(1), times, x.size(2), x.size(3))
        .reshape(x.size(0), x.size(1) * times, x.size(2), x.size(3));
  }

  private Tensor finish(int layer, Tensor x, Tensor mixed) {
    Tensor attended = x.add(weights.linear(path(layer) + "self_attn.o_proj", mixed));
    Tensor normed =
        weights.rmsNorm(path(layer) + "post_attention_layernorm", attended, config.normEpsilon());
    String mlp = path(layer) + "mlp.";
    Tensor inner =
        torch
            .silu(weights.linear(mlp + "gate_proj", normed))
            .mul(weights.linear(mlp + "up_proj", normed));
    return attended.add(weights.linear(mlp + "down_proj", inner));
  }
}
