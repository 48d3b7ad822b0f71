package org.equipoise.mbpo.checkpoint;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * How files name Qwen2-VL's tensors: as the checkpoints on the Hub do ({@code visual.*}, {@code
 * model.*}), or as transformers 5 does ({@code model.visual.*}, {@code model.language_model.*}),
 * which is how the model classes call them. A checkpoint may have names of both kinds. Immutable.
 */
public final class QwenKeys {
  private static final String VISUAL = "visual.";
  private static final String LANGUAGE = "model.language_model.";
  private static final String MODEL = "model.";

  private final Map<String, String> fileNames;

  private QwenKeys(Map<String, String> fileNames) {
    this.fileNames = fileNames;
  }

  /**
   * @param names as the files have them
   * @throws IllegalArgumentException if two of them mean one tensor
   */
  public static QwenKeys of(Set<String> names) {
    Map<String, String> fileNames = new LinkedHashMap<>();
    for (String name : names) {
      String other = fileNames.put(toModel(name), name);
      if (other != null) {
        throw new IllegalArgumentException(
            "the weights hold one tensor under two names, "
                + Excerpt.of(other)
                + " and "
                + Excerpt.of(name));
      }
    }
    return new QwenKeys(fileNames);
  }

  /** A file's name, or path of a layer, as the model classes have it. */
  public static String toModel(String name) {
    if (name.startsWith(VISUAL)) {
      return MODEL + name;
    }
    boolean old =
        name.startsWith(MODEL) && !name.startsWith(LANGUAGE) && !name.startsWith(MODEL + VISUAL);
    return old ? LANGUAGE + name.substring(MODEL.length()) : name;
  }

  /** The way back: the file's name, where it has the tensor. */
  public String toFile(String name) {
    return fileNames.getOrDefault(name, name);
  }
}
