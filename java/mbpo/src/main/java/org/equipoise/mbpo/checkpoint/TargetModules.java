package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.equipoise.mbpo.lora.BoundedPattern;
import org.equipoise.mbpo.lora.PatternWork;
import org.equipoise.mbpo.storage.FieldUses;
import org.jspecify.annotations.Nullable;

/**
 * Which layers an {@code adapter_config.json} means, by PEFT's rules: a list holds paths or their
 * ends, a text is a regular expression for the whole path or {@code all-linear}; layers may be
 * excluded, or chosen by their number. Immutable.
 */
final class TargetModules {
  private static final Pattern FIRST_NUMBER = Pattern.compile(".*?\\.[^.]*\\.(\\d{1,9})\\..*");

  private final Modules targets;
  private final @Nullable Modules excluded;
  private final List<Integer> layers;
  private final List<BoundedPattern> layerLists;

  private TargetModules(
      Modules targets,
      @Nullable Modules excluded,
      List<Integer> layers,
      List<BoundedPattern> layerLists) {
    this.targets = targets;
    this.excluded = excluded;
    this.layers = layers;
    this.layerLists = layerLists;
  }

  /** Names as a list, or a regular expression. */
  private record Modules(List<String> names, @Nullable BoundedPattern pattern, boolean allLinear) {
    boolean contain(String path) {
      if (allLinear) {
        return !path.equals("lm_head");
      }
      return pattern != null
          ? pattern.matches(path)
          : names.stream().anyMatch(name -> path.equals(name) || path.endsWith("." + name));
    }
  }

  static TargetModules of(Path file, JsonNode config, PatternWork work) {
    if (config.path("target_modules").isNull() || config.path("target_modules").isMissingNode()) {
      throw new IllegalArgumentException(
          file
              + ": target_modules: expected names, \"all-linear\" or a regular expression, found"
              + " nothing");
    }
    JsonNode excluded = config.path("exclude_modules");
    List<BoundedPattern> lists = new ArrayList<>();
    for (String name : texts(file, config, "layers_pattern")) {
      lists.add(
          BoundedPattern.of(
              "(?:^|.*?\\.)" + name + "\\.\\d+\\..*", file + ": layers_pattern", work));
    }
    return new TargetModules(
        modules(file, config, "target_modules", work),
        FieldUses.saysNothing(excluded) ? null : modules(file, config, "exclude_modules", work),
        integers(file, config.path("layers_to_transform")),
        lists);
  }

  private static Modules modules(Path file, JsonNode config, String field, PatternWork work) {
    JsonNode node = config.path(field);
    boolean allLinear =
        field.equals("target_modules") && node.asText().equalsIgnoreCase("all-linear");
    return new Modules(
        texts(file, config, field),
        node.isTextual() && !allLinear
            ? BoundedPattern.of(node.asText(), file + ": " + field, work)
            : null,
        allLinear);
  }

  /** A text or a list of texts. */
  static List<String> texts(Path file, JsonNode config, String field) {
    JsonNode node = config.path(field);
    List<String> texts = new ArrayList<>();
    if (FieldUses.saysNothing(node)) {
      return texts;
    }
    for (JsonNode text : node.isArray() ? node : List.of(node)) {
      if (!text.isTextual()) {
        throw new IllegalArgumentException(
            file
                + ": "
                + field
                + ": expected a text or a list of texts, found "
                + FieldUses.shortened(node));
      }
      texts.add(text.asText());
    }
    return texts;
  }

  private static List<Integer> integers(Path file, JsonNode node) {
    List<Integer> numbers = new ArrayList<>();
    if (node.isMissingNode() || node.isNull()) {
      return numbers;
    }
    for (JsonNode number : node.isArray() ? node : List.of(node)) {
      if (!number.isIntegralNumber() || !number.canConvertToInt()) {
        throw new IllegalArgumentException(
            file
                + ": layers_to_transform: expected a whole number or a list of them, found "
                + FieldUses.shortened(node));
      }
      numbers.add(number.asInt());
    }
    return numbers;
  }

  /** Whether an adapter belongs on the layer of this path. */
  boolean contain(String path) {
    if (excluded != null && excluded.contain(path) || !targets.contain(path)) {
      return false;
    }
    boolean exact = targets.names.contains(path);
    if (layers.isEmpty() || exact || targets.pattern != null) {
      return true;
    }
    Matcher numbered = FIRST_NUMBER.matcher(path);
    return numbered.matches()
        && layers.contains(Integer.valueOf(numbered.group(1)))
        && (layerLists.isEmpty() || layerLists.stream().anyMatch(list -> list.matches(path)));
  }
}
