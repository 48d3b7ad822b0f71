package org.equipoise.mbpo.checkpoint;

import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.lora.BoundedPattern;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.qwen.QwenConfig;
import org.equipoise.mbpo.qwen.QwenShapes;
import org.equipoise.mbpo.tensor.Sizes;
import org.equipoise.torch.WidenedProducts;
import org.jspecify.annotations.Nullable;

/**
 * Bytes that generating and training need, from a configuration, with 1.75 GiB for libraries, the
 * Java heap and what single operations need. Activations are what the way back needs: the inputs of
 * all blocks, and what lies between the operations of one of them, or of all where nothing is
 * computed anew.
 *
 * @param weights the checkpoint's parameters in their type; mapped from the file where it has the
 *     same type
 * @param trainable trained parameters with gradient and both moments, in float32
 * @param activations of one pass over the rows of a step
 * @param widened float32 copies of 16-bit weights while training, on processors on which {@code
 *     WidenedProducts} pay
 * @param logits at a time
 * @param cache keys and values while generating one row of the same length
 */
public record MemoryEstimate(
    long weights, long trainable, long activations, long widened, long logits, long cache) {
  private static final long LOGIT_BUDGET = 256L << 20;
  private static final long PROCESS = 7L << 28;
  private static final int STATES_PER_TRAINED = 4;
  private static final int FLOAT = 4;

  /**
   * @param lora the adapters, or {@code null} to train all weights
   * @param elementBytes of the weights: 2 or 4
   * @param imageTokens of one image
   * @param textTokens of prompt and answer
   * @param rows sequences in one pass
   * @param recompute whether blocks are computed anew on the way back
   */
  public static MemoryEstimate of(
      QwenConfig config,
      @Nullable LoraOptions lora,
      int elementBytes,
      long imageTokens,
      long textTokens,
      int rows,
      boolean recompute) {
    long parameters = parameters(config);
    long trained = lora == null ? parameters : adapters(config, lora);
    QwenConfig.Text text = config.text();
    double tokens = rows * ((double) imageTokens + textTokens);
    long keys = (long) text.keyValueHeads() * text.headWidth();
    // Inputs, norms, rotated queries, attention's output, both residuals; gate, its activation, up
    // and their product.
    long plain = elementBytes * (14L * text.width() + 8 * keys + 4L * text.mlpWidth());
    // What an adapter takes in is kept in float32, and what it gives out until it is added.
    long adapted = lora == null ? 0 : FLOAT * (9L * text.width() + 4 * keys + 3L * text.mlpWidth());
    long kept =
        recompute
            ? (long) text.layers() * text.width() * elementBytes + plain + adapted
            : text.layers() * (plain + adapted);
    QwenConfig.Vision vision = config.vision();
    double patches = (double) rows * imageTokens * vision.mergeSize() * vision.mergeSize();
    long visionPlain = elementBytes * (14L * vision.width() + 3L * vision.mlpWidth());
    // Frozen, and without a gradient of the pixels, the tower keeps no more than one block.
    long visionBlocks = lora == null ? vision.depth() : 1;
    boolean widen = elementBytes == 2 && WidenedProducts.pay(ScalarType.BFloat16);
    return new MemoryEstimate(
        Sizes.saturated((double) parameters * elementBytes),
        Sizes.saturated(
            (double) trained * FLOAT * STATES_PER_TRAINED
                - (lora == null ? (double) trained * elementBytes : 0)),
        Sizes.saturated(tokens * kept + patches * visionBlocks * visionPlain),
        widen ? widened(config, recompute ? 1 : text.layers()) : 0,
        Sizes.saturated(Math.min(LOGIT_BUDGET, tokens * text.vocabulary() * elementBytes)),
        Sizes.saturated(
            2.0 * text.layers() * keys * elementBytes * ((double) imageTokens + textTokens)));
  }

  /** Numbers in all weights. */
  public static long parameters(QwenConfig config) {
    return QwenShapes.of(config).values().stream().mapToLong(MemoryEstimate::product).sum();
  }

  /**
   * Bytes of float32 copies of some blocks' weights, and of four blocks more, for glibc's allocator
   * keeps parts of those that were freed: 0.88 GiB more than without copies were measured where
   * blocks of 0.17 GiB are widened one after the other.
   */
  private static long widened(QwenConfig config, int blocks) {
    return FLOAT * blocks(config) / config.text().layers() * (blocks + 4);
  }

  /** Numbers in the language model's blocks. */
  private static long blocks(QwenConfig config) {
    return QwenShapes.of(config).entrySet().stream()
        .filter(entry -> entry.getKey().startsWith("model.language_model.layers."))
        .mapToLong(entry -> product(entry.getValue()))
        .sum();
  }

  private static long adapters(QwenConfig config, LoraOptions lora) {
    BoundedPattern targets = lora.pattern();
    return QwenShapes.of(config).entrySet().stream()
        .filter(entry -> entry.getKey().endsWith(".weight") && entry.getValue().length == 2)
        .filter(
            entry ->
                targets.matches(
                    entry.getKey().substring(0, entry.getKey().length() - ".weight".length())))
        .mapToLong(entry -> lora.rank() * (entry.getValue()[0] + entry.getValue()[1]))
        .sum();
  }

  private static long product(long[] shape) {
    long product = 1;
    for (long size : shape) {
      product = Math.multiplyExact(product, size);
    }
    return product;
  }

  /** Everything that training holds at once. */
  public long training() {
    return Sizes.saturated((double) PROCESS + weights + trainable + activations + widened + logits);
  }

  /** Everything that generating holds at once. */
  public long generation() {
    return Sizes.saturated((double) PROCESS + weights + cache);
  }
}
