package org.equipoise.mbpo.config;

import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.checkpoint.ChatTemplate;
import org.equipoise.mbpo.checkpoint.TokenizerTrust;
import org.equipoise.mbpo.checkpoint.WeightReading;
import org.jspecify.annotations.Nullable;

/** The {@code model} section; its keys are documented in the defaults. */
public record ModelSettings(
    String folder,
    @Nullable String adapter,
    Type type,
    WeightReading weights,
    ChatTemplate chatTemplate,
    TokenizerTrust tokenizer,
    long maxPixels,
    boolean generationRules) {
  public ModelSettings {
    if (maxPixels < 1) {
      throw new IllegalArgumentException("maxPixels must be at least 1, found " + maxPixels);
    }
  }

  /** Element type of the weights. */
  public enum Type {
    FILE(null),
    FLOAT32(ScalarType.Float),
    BFLOAT16(ScalarType.BFloat16);

    private final @Nullable ScalarType scalarType;

    Type(@Nullable ScalarType scalarType) {
      this.scalarType = scalarType;
    }

    /** {@code null} for the file's own. */
    public @Nullable ScalarType scalarType() {
      return scalarType;
    }
  }
}
