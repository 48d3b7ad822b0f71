package org.equipoise.mbpo.checkpoint;

import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.qwen.QwenConfig;
import org.equipoise.mbpo.qwen.QwenShapes;
import org.jspecify.annotations.Nullable;

/**
 * In which type weights are computed: that which is asked for, which the configuration names (as
 * transformers does), or which the files have, the widest where they have several. float16 has
 * neither bfloat16's range nor products of its own on processors, so that it becomes float32, in
 * which the numbers stay the same.
 */
final class WeightTypes {
  private final Path folder;
  private final @Nullable ScalarType named;
  private final Set<ScalarType> ofFiles = new LinkedHashSet<>();

  WeightTypes(
      Path folder, @Nullable ScalarType named, SafetensorsCheckpoint weights, QwenConfig config) {
    this.folder = folder;
    this.named = named;
    Set<String> own = QwenShapes.of(config).keySet();
    for (String name : weights.names()) {
      if (own.contains(QwenKeys.toModel(name))) {
        ofFiles.add(weights.entry(name).type());
      }
    }
  }

  /**
   * @param asked {@code null} for the checkpoint's own
   */
  ScalarType computed(@Nullable ScalarType asked) {
    if (asked != null) {
      return asked;
    }
    ScalarType own = named != null ? named : widest();
    return own == ScalarType.BFloat16 ? own : ScalarType.Float;
  }

  private ScalarType widest() {
    return ofFiles.equals(Set.of(ScalarType.BFloat16)) ? ScalarType.BFloat16 : ScalarType.Float;
  }

  /** A sentence where the files' type is not the one that is computed in and nobody asked. */
  List<String> remarks(@Nullable ScalarType asked) {
    ScalarType computed = computed(asked);
    if (asked != null || ofFiles.equals(Set.of(computed))) {
      return List.of();
    }
    String files =
        ofFiles.stream().map(WeightTypes::text).sorted().collect(Collectors.joining(" and "));
    String config = named == null ? "no type" : text(named);
    boolean wide = computed == ScalarType.Float;
    return List.of(
        String.format(
            Locale.ROOT,
            "%s: the weights are %s, config.json names %s, computed in %s; --set model.type=%s"
                + " %s",
            folder,
            files,
            config,
            text(computed),
            wide ? "BFLOAT16" : "FLOAT32",
            wide ? "takes half the memory" : "keeps all their digits"));
  }

  private static String text(ScalarType type) {
    return switch (type) {
      case Float -> "float32";
      case Half -> "float16";
      case Double -> "float64";
      default -> type.name().toLowerCase(Locale.ROOT);
    };
  }
}
