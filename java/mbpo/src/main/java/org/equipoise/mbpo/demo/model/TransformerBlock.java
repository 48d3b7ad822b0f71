package org.equipoise.mbpo.demo.model;

import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * One pre-norm transformer block: x + out(attention(qkv(norm1 x))), then + down(gelu(up(norm2 x))).
 * Holds borrowed parameters.
 */
final class TransformerBlock {
  private static final int WIDTH = SmallModelParameters.WIDTH;
  private static final int HEADS = 4;
  private static final int HEAD_WIDTH = WIDTH / HEADS;
  private static final double NORM_EPSILON = 1e-5;

  private final SmallModelParameters parameters;
  private final String name;

  TransformerBlock(SmallModelParameters parameters, String name) {
    this.parameters = parameters;
    this.name = name;
  }

  /** Keys and values [batch, heads, positions, head width] of the positions seen so far. */
  record Cache(Tensor keys, Tensor values) {
    /** The cache of other batch rows: row i is this cache's row {@code rows[i]}. */
    Cache rows(Tensor rows) {
      return new Cache(keys.index_select(0, rows), values.index_select(0, rows));
    }

    Cache append(Cache later) {
      return new Cache(
          torch.cat(new TensorVector(keys, later.keys), 2),
          torch.cat(new TensorVector(values, later.values), 2));
    }
  }

  /** A block's output and the keys and values it computed. */
  record Output(Tensor states, Cache cache) {}

  /** All positions of x [batch, positions, width] attend to all, or causally. */
  Output apply(Tensor x, boolean causal) {
    return apply(x, null, causal);
  }

  /** All positions attend to what an additive mask [batch, 1, positions, positions] leaves them. */
  Output applyMasked(Tensor x, Tensor mask) {
    return apply(x, mask, false);
  }

  private Output apply(Tensor x, @Nullable Tensor mask, boolean causal) {
    long batch = x.size(0);
    long positions = x.size(1);
    Tensor qkv = linear(norm(x, "norm1"), "qkv");
    Tensor[] parts = heads(qkv, batch, positions, 3);
    Tensor mixed = attend(parts[0], parts[1], parts[2], mask, causal);
    return new Output(finish(x, mixed), new Cache(parts[1], parts[2]));
  }

  /**
   * Output at chosen positions only.
   *
   * @param x [batch, positions, width]: gives keys and values at every position
   * @param rows flat indices into [batch · positions], the same number per batch row
   * @param mask additive attention mask [batch, 1, rows per batch row, positions], or {@code null}
   */
  Output applyAt(Tensor x, Tensor rows, @Nullable Tensor mask) {
    long batch = x.size(0);
    long positions = x.size(1);
    Tensor normed = norm(x, "norm1");
    Tensor weight = parameters.get(name + ".qkv.weight");
    Tensor bias = parameters.get(name + ".qkv.bias");
    Tensor keyValue =
        torch.linear(
            normed,
            weight.narrow(0, WIDTH, 2L * WIDTH),
            new TensorOptional(bias.narrow(0, WIDTH, 2L * WIDTH)));
    Tensor[] parts = heads(keyValue, batch, positions, 2);
    long queries = rows.size(0) / batch;
    Tensor query =
        torch
            .linear(
                normed.view(batch * positions, WIDTH).index_select(0, rows),
                weight.narrow(0, 0, WIDTH),
                new TensorOptional(bias.narrow(0, 0, WIDTH)))
            .view(batch, queries, HEADS, HEAD_WIDTH)
            .transpose(1, 2);
    Tensor mixed = attend(query, parts[0], parts[1], mask, false);
    Tensor residual =
        x.reshape(batch * positions, WIDTH).index_select(0, rows).view(batch, queries, WIDTH);
    return new Output(finish(residual, mixed), new Cache(parts[0], parts[1]));
  }

  /** One new position per batch row after the cached ones; returns the grown cache. */
  Output applyNext(Tensor x, Cache before) {
    Tensor[] parts = heads(linear(norm(x, "norm1"), "qkv"), x.size(0), 1, 3);
    Cache grown = before.append(new Cache(parts[1], parts[2]));
    Tensor mixed = attend(parts[0], grown.keys, grown.values, null, false);
    return new Output(finish(x, mixed), grown);
  }

  private Tensor finish(Tensor residual, Tensor mixed) {
    Tensor attended = residual.add(linear(mixed, "out"));
    Tensor hidden = torch.gelu(linear(norm(attended, "norm2"), "up"));
    return attended.add(linear(hidden, "down"));
  }

  private static Tensor attend(
      Tensor query, Tensor keys, Tensor values, @Nullable Tensor mask, boolean causal) {
    TensorOptional optionalMask = mask == null ? new TensorOptional() : new TensorOptional(mask);
    return torch
        .scaled_dot_product_attention(
            query, keys, values, optionalMask, 0, causal, new DoubleOptional(), false)
        .transpose(1, 2)
        .reshape(query.size(0), query.size(2), WIDTH);
  }

  private static Tensor[] heads(Tensor joined, long batch, long positions, int parts) {
    Tensor split = joined.view(batch, positions, parts, HEADS, HEAD_WIDTH).permute(2, 0, 3, 1, 4);
    Tensor[] result = new Tensor[parts];
    for (int i = 0; i < parts; i++) {
      result[i] = split.select(0, i);
    }
    return result;
  }

  private Tensor linear(Tensor x, String part) {
    return torch.linear(
        x,
        parameters.get(name + "." + part + ".weight"),
        new TensorOptional(parameters.get(name + "." + part + ".bias")));
  }

  private Tensor norm(Tensor x, String part) {
    return layerNorm(parameters, x, name + "." + part);
  }

  static Tensor layerNorm(SmallModelParameters parameters, Tensor x, String name) {
    return torch.layer_norm(
        x,
        new long[] {WIDTH},
        new TensorOptional(parameters.get(name + ".weight")),
        new TensorOptional(parameters.get(name + ".bias")),
        NORM_EPSILON,
        false);
  }
}
