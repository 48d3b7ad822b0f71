package org.equipoise.mbpo.checkpoint;

import java.util.Set;

/**
 * How files name Qwen2-VL's tensors: as the checkpoints on the Hub do ({@code visual.*}, {@code
 * model.*}), or as transformers 5 does ({@code model.visual.*}, {@code model.language_model.*}),
 * which is how the model classes call them.
 */
public enum QwenKeys {
  HUB,
  TRANSFORMERS_5;

  private static final String VISUAL = "visual.";
  private static final String LANGUAGE = "model.language_model.";
  private static final String MODEL = "model.";

  /** The layout of a checkpoint's names. */
  public static QwenKeys of(Set<String> names) {
    return names.stream()
            .anyMatch(name -> name.startsWith(MODEL + VISUAL) || name.startsWith(LANGUAGE))
        ? TRANSFORMERS_5
        : HUB;
  }

  /** A file's name as the model classes have it. */
  public String toModel(String name) {
    if (this == TRANSFORMERS_5) {
      return name;
    }
    if (name.startsWith(VISUAL)) {
      return MODEL + name;
    }
    return name.startsWith(MODEL) ? LANGUAGE + name.substring(MODEL.length()) : name;
  }

  /** The way back. */
  public String toFile(String name) {
    if (this == TRANSFORMERS_5) {
      return name;
    }
    if (name.startsWith(MODEL + VISUAL)) {
      return name.substring(MODEL.length());
    }
    return name.startsWith(LANGUAGE) ? MODEL + name.substring(LANGUAGE.length()) : name;
  }
}
