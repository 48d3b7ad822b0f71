package org.equipoise.mbpo.qwen;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.qwen.QwenConfig.Generation;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.mbpo.tensor.Scoped;

/**
 * From pixels to image tokens: patches, transformer blocks with two-dimensional rotary positions
 * (in Qwen2.5-VL most of them within windows), and a merger of neighbouring patches. Holds borrowed
 * weights.
 */
final class VisionTower {
  private static final String PATH = "model.visual.";
  private static final double NORM_EPSILON = 1e-6;
  private static final double ROPE_BASE = 10000;

  private final QwenConfig.Vision config;
  private final boolean second;
  private final QwenWeights weights;
  private final float[] mean;
  private final float[] deviation;

  VisionTower(QwenConfig config, QwenWeights weights, float[] mean, float[] deviation) {
    this.config = config.vision();
    this.second = config.generation() == Generation.QWEN2_5_VL;
    this.weights = weights;
    this.mean = mean;
    this.deviation = deviation;
  }

  /**
   * @param images [images, 3, height, width] in [0, 1], sides as {@link QwenRows} checks them;
   *     differentiable
   * @return [images, tokens, width of the language model]
   */
  Tensor encode(Tensor images) {
    int multiple = config.pixelMultiple();
    VisionLayout layout =
        VisionLayout.of(
            Math.toIntExact(images.size(2) / multiple),
            Math.toIntExact(images.size(3) / multiple),
            config.mergeSize(),
            config.windowSize() / multiple);
    Tensor order =
        HostTensors.onDeviceOf(images, HostTensors.longs(layout.blockOrder(), layout.blocks()));
    Tensor states = patchEmbedding(patches(images, layout, order));
    Rotary rotary =
        Rotary.of(
            layout.angles(Rotary.frequencies(ROPE_BASE, config.headWidth() / 2)),
            new long[] {layout.patches(), config.headWidth() / 2},
            states);
    List<VisionLayout.WindowGroup> whole =
        List.of(new VisionLayout.WindowGroup(layout.blocks(), 1));
    for (int block = 0; block < config.depth(); block++) {
      boolean all = config.windowSize() == 0 || config.fullAttentionBlocks().contains(block);
      String path = PATH + "blocks." + block + ".";
      Tensor before = states;
      states = Scoped.result(() -> block(path, before, rotary, all ? whole : layout.windows()));
    }
    Tensor merged = merge(states, layout);
    Tensor places =
        HostTensors.onDeviceOf(images, HostTensors.longs(layout.places(), layout.blocks()));
    return merged.index_select(1, places);
  }

  /** [images, patches, values]: channel, temporal copy, row and column of each patch's pixels. */
  private Tensor patches(Tensor images, VisionLayout layout, Tensor blockOrder) {
    int size = config.patchSize();
    int merge = config.mergeSize();
    int copies = config.temporalPatchSize();
    long count = images.size(0);
    Tensor normalised =
        images
            .sub(HostTensors.onDeviceOf(images, HostTensors.floats(mean, 1, 3, 1, 1)))
            .div(HostTensors.onDeviceOf(images, HostTensors.floats(deviation, 1, 3, 1, 1)));
    Tensor blocks =
        normalised
            .view(count, 3, layout.rows(), merge, size, layout.columns(), merge, size)
            .permute(0, 2, 5, 3, 6, 1, 4, 7)
            .reshape(count, layout.blocks(), (long) merge * merge, 3, 1, (long) size * size)
            .index_select(1, blockOrder);
    return blocks
        .expand(count, layout.blocks(), (long) merge * merge, 3, copies, (long) size * size)
        .reshape(count, layout.patches(), 3L * copies * size * size);
  }

  /** The convolution whose stride is its kernel is a product with the flattened kernel. */
  private Tensor patchEmbedding(Tensor patches) {
    Tensor kernel = weights.get(PATH + "patch_embed.proj.weight");
    return QwenWeights.product(
        patches.to(kernel.scalar_type()), kernel.reshape(kernel.size(0), patches.size(2)), null);
  }

  private Tensor block(
      String path, Tensor x, Rotary rotary, List<VisionLayout.WindowGroup> windows) {
    Tensor attended = x.add(attention(path + "attn.", norm(path + "norm1", x), rotary, windows));
    Tensor normed = norm(path + "norm2", attended);
    Tensor inner;
    if (second) {
      inner =
          torch
              .silu(weights.linear(path + "mlp.gate_proj", normed))
              .mul(weights.linear(path + "mlp.up_proj", normed));
      return attended.add(weights.linear(path + "mlp.down_proj", inner));
    }
    inner = weights.linear(path + "mlp.fc1", normed);
    inner = inner.mul(torch.sigmoid(inner.mul(new Scalar(1.702))));
    return attended.add(weights.linear(path + "mlp.fc2", inner));
  }

  private Tensor norm(String path, Tensor x) {
    return second
        ? weights.rmsNorm(path, x, NORM_EPSILON)
        : weights.layerNorm(path, x, NORM_EPSILON);
  }

  private Tensor attention(
      String path, Tensor x, Rotary rotary, List<VisionLayout.WindowGroup> windows) {
    long images = x.size(0);
    long patches = x.size(1);
    int heads = config.heads();
    int headWidth = config.headWidth();
    Tensor parts =
        weights
            .linear(path + "qkv", x)
            .view(images, patches, 3, heads, headWidth)
            .permute(2, 0, 3, 1, 4);
    // Rotated in float32, whatever the type, as the original does.
    torch.ScalarType type = x.scalar_type();
    Tensor query = rotary.apply(parts.select(0, 0).to(torch.ScalarType.Float)).to(type);
    Tensor key = rotary.apply(parts.select(0, 1).to(torch.ScalarType.Float)).to(type);
    Tensor value = parts.select(0, 2);
    int perBlock = config.mergeSize() * config.mergeSize();
    List<Tensor> mixed = new ArrayList<>();
    long from = 0;
    for (VisionLayout.WindowGroup group : windows) {
      long length = (long) group.blocks() * perBlock;
      long span = length * group.count();
      Tensor attended =
          Attention.full(
              windowed(query, from, span, group.count(), length),
              windowed(key, from, span, group.count(), length),
              windowed(value, from, span, group.count(), length));
      mixed.add(
          attended
              .view(images, group.count(), heads, length, headWidth)
              .transpose(2, 3)
              .reshape(images, span, (long) heads * headWidth));
      from += span;
    }
    Tensor joined =
        mixed.size() == 1
            ? mixed.get(0)
            : torch.cat(new TensorVector(mixed.toArray(new Tensor[0])), 1);
    return weights.linear(path + "proj", joined);
  }

  /** Patches {@code from} to {@code from + span} of [images, heads, patches, width] as windows. */
  private static Tensor windowed(Tensor x, long from, long span, long count, long length) {
    return x.narrow(2, from, span)
        .view(x.size(0), x.size(1), count, length, x.size(3))
        .transpose(1, 2)
        .reshape(x.size(0) * count, x.size(1), length, x.size(3));
  }

  private Tensor merge(Tensor states, VisionLayout layout) {
    String norm = PATH + "merger.ln_q";
    Tensor normed = norm(norm, states);
    Tensor joined =
        normed.reshape(
            states.size(0),
            layout.blocks(),
            (long) config.mergeSize() * config.mergeSize() * config.width());
    Tensor inner = torch.gelu(weights.linear(PATH + "merger.mlp.0", joined));
    return weights.linear(PATH + "merger.mlp.2", inner);
  }
}
