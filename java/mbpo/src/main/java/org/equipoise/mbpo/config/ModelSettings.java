package org.equipoise.mbpo.config;

import org.bytedeco.pytorch.global.torch.ScalarType;

/** The {@code model} section; its keys are documented in the defaults. */
public record ModelSettings(String folder, String adapter, Type type, long maxPixels) {

  /** Element type of the weights. */
  public enum Type {
    FILE(null),
    FLOAT32(ScalarType.Float),
    BFLOAT16(ScalarType.BFloat16);

    private final ScalarType scalarType;

    Type(ScalarType scalarType) {
      this.scalarType = scalarType;
    }

    /** {@code null} for the file's own. */
    public ScalarType scalarType() {
      return scalarType;
    }
  }
}
