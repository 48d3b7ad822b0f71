package org.equipoise.mbpo.lora;

import io.soabase.recordbuilder.core.RecordBuilder;

/**
 * Which linear layers get low-rank adapters, and of what size. Immutable.
 *
 * @param rank r, the inner width, at least 1; 16 by default
 * @param alpha the adapter's output is multiplied by {@code alpha / rank}; above 0; 32 by default
 * @param targets regular expression, as Python has them, that the whole path of a layer must match,
 *     for example {@code model.language_model.layers.3.self_attn.q_proj}; {@link #LANGUAGE_MODEL}
 *     by default
 * @param seed of the starting values; 0 by default
 */
@RecordBuilder
public record LoraOptions(int rank, double alpha, String targets, long seed)
    implements LoraOptionsBuilder.With {
  /**
   * Attention and MLP projections of the language model alone. The path is anchored: layers of the
   * same name in the vision tower are not meant.
   */
  public static final String LANGUAGE_MODEL =
      "model\\.language_model\\.layers\\.\\d+\\."
          + "(self_attn\\.(q|k|v|o)_proj|mlp\\.(gate|up|down)_proj)";

  private static final String TARGETS = "the targets of an adapter";

  public LoraOptions {
    if (rank < 1) {
      throw new IllegalArgumentException(
          "rank: that of an adapter must be at least 1, found " + rank);
    }
    if (!(alpha > 0) || Double.isInfinite(alpha)) {
      throw new IllegalArgumentException(
          "alpha: that of an adapter must be positive and finite, found " + alpha);
    }
    BoundedPattern.of(targets, TARGETS);
  }

  /** The expression of {@link #targets}, with work of its own. */
  public BoundedPattern pattern() {
    return BoundedPattern.of(targets, TARGETS);
  }

  /** Every component at its default. */
  public static LoraOptions defaults() {
    return new LoraOptions(16, 32, LANGUAGE_MODEL, 0);
  }

  /** {@code alpha / rank}. */
  public double scale() {
    return alpha / rank;
  }
}
