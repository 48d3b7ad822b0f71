package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.equipoise.mbpo.lora.BoundedPattern;
import org.equipoise.mbpo.lora.PatternWork;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.FieldUses;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.JsonNumbers;

/**
 * An {@code adapter_config.json} as PEFT writes it for LoRA. Every field is honoured, refused by
 * name or known to change nothing; {@link #remarks} names the others. Immutable.
 */
final class AdapterConfig {
  private final Path file;
  private final ObjectNode json;
  private final TargetModules targets;
  private final Map<BoundedPattern, Double> ranks;
  private final Map<BoundedPattern, Double> alphas;
  private final List<String> remarks = new ArrayList<>();
  private final PatternWork work = new PatternWork();

  private AdapterConfig(Path file, ObjectNode json) {
    this.file = file;
    this.json = json;
    requireLora();
    for (String field : AdapterFields.LORA.check(file, "", json)) {
      unknown(field);
    }
    requireUnchangedBase();
    this.targets = TargetModules.of(file, json, work);
    this.ranks = patterns("rank_pattern", this::requireRank);
    this.alphas = patterns("alpha_pattern", this::requirePositive);
    remark();
  }

  static AdapterConfig read(Path file) {
    return new AdapterConfig(file, (ObjectNode) Json.readObject(file));
  }

  private void requireLora() {
    String type = json.path("peft_type").asText();
    if (!type.equals("LORA")) {
      throw new IllegalArgumentException(
          file
              + ": peft_type: expected LORA, the only kind of adapter that is supported, found "
              + Excerpt.quoted(type)
              + "; merge it with PEFT's merge_and_unload() and name the merged checkpoint as"
              + " model.folder");
    }
    requireRank("r", json.path("r"));
    requirePositive("lora_alpha", json.path("lora_alpha"));
  }

  private void requireRank(String field, JsonNode value) {
    require(
        JsonNumbers.isWhole(value, 1, Integer.MAX_VALUE), field, "a positive whole number", value);
  }

  private void requirePositive(String field, JsonNode value) {
    require(JsonNumbers.isPositive(value), field, "a positive number", value);
  }

  private void require(boolean condition, String field, String expected, JsonNode found) {
    if (!condition) {
      throw new IllegalArgumentException(
          file + ": " + field + ": expected " + expected + ", found " + FieldUses.shortened(found));
    }
  }

  /** A switch that is on surely does something; other fields are named. */
  private void unknown(String field) {
    JsonNode value = json.path(field);
    if (value.isBoolean()) {
      throw new IllegalArgumentException(
          file
              + ": "
              + field
              + ": found true, which this program does not know; merge the adapter with PEFT's"
              + " merge_and_unload() and name the merged checkpoint as model.folder");
    }
    remarks.add(
        file
            + ": "
            + field
            + ": found "
            + FieldUses.shortened(value)
            + ", which this program does not know and leaves out");
  }

  /**
   * PiSSA, OLoRA, CorDA, LoRA-GA and LoftQ take the adapter's first values out of the base's
   * weights, so that the adapter does not belong to the checkpoint as it was; those that PEFT has
   * converted for it say {@code true} here.
   */
  private void requireUnchangedBase() {
    String start = json.path("init_lora_weights").asText().toLowerCase(java.util.Locale.ROOT);
    if (start.matches("(pissa|olora|corda|loftq|lora_ga).*")) {
      throw new IllegalArgumentException(
          file
              + ": init_lora_weights: found \""
              + FieldUses.shortened(json.path("init_lora_weights"))
              + "\", with which the adapter belongs to changed base weights; save it again with"
              + " PEFT's save_pretrained(..., path_initial_model_for_weight_conversion=...), or"
              + " merge it with merge_and_unload() and name the merged checkpoint as model.folder");
    }
    if (!json.path("bias").asText("none").matches("none|all|lora_only")) {
      throw new IllegalArgumentException(
          file
              + ": bias: expected none, all or lora_only, found "
              + FieldUses.shortened(json.path("bias")));
    }
  }

  private Map<BoundedPattern, Double> patterns(
      String field, BiConsumer<String, JsonNode> requirement) {
    Map<BoundedPattern, Double> patterns = new LinkedHashMap<>();
    JsonNode node = json.path(field);
    for (Map.Entry<String, JsonNode> entry : node.properties()) {
      requirement.accept(field + "." + Excerpt.of(entry.getKey()), entry.getValue());
      patterns.put(
          BoundedPattern.of("(?:.*\\.)?(?:" + entry.getKey() + ")", file + ": " + field, work),
          entry.getValue().doubleValue());
    }
    return patterns;
  }

  private void remark() {
    if (json.path("lora_dropout").asDouble() > 0) {
      remarks.add(
          file
              + ": lora_dropout: found "
              + FieldUses.shortened(json.path("lora_dropout"))
              + ", which is not applied here when training goes on");
    }
    if (json.path("init_lora_weights").asText().equals("mica")) {
      remarks.add(
          file
              + ": init_lora_weights: found \"mica\", with which PEFT trains lora_A alone; here"
              + " lora_B is trained as well when training goes on");
    }
  }

  Path file() {
    return file;
  }

  /** What a user should know, one sentence each. */
  List<String> remarks() {
    return List.copyOf(remarks);
  }

  /** The object as it was read. */
  ObjectNode json() {
    return json.deepCopy();
  }

  /** Whether PEFT would put an adapter on the layer, by either of its names. */
  boolean means(AdapterKey key) {
    return targets.contain(key.pathInFile()) || targets.contain(key.path());
  }

  /** The same by a path of the model classes; what is saved as a whole gets no adapter. */
  boolean means(String path) {
    return targets.contain(path)
        && modulesToSave().stream()
            .noneMatch(module -> ("." + path + ".").contains("." + module + "."));
  }

  int rank(AdapterKey key) {
    return (int) first(ranks, key, json.path("r").doubleValue());
  }

  /** What the product of both matrices is multiplied by. */
  double scale(AdapterKey key) {
    double rank = rank(key);
    double alpha = first(alphas, key, json.path("lora_alpha").doubleValue());
    return alpha / (json.path("use_rslora").asBoolean() ? Math.sqrt(rank) : rank);
  }

  private static double first(
      Map<BoundedPattern, Double> patterns, AdapterKey key, double otherwise) {
    for (Map.Entry<BoundedPattern, Double> entry : patterns.entrySet()) {
      if (entry.getKey().matches(key.pathInFile()) || entry.getKey().matches(key.path())) {
        return entry.getValue();
      }
    }
    return otherwise;
  }

  List<String> modulesToSave() {
    return TargetModules.texts(file, json, "modules_to_save");
  }

  boolean trainsTokens() {
    return !FieldUses.saysNothing(json.path("trainable_token_indices"));
  }

  /**
   * Ids whose embedding the adapter changes.
   *
   * @param module path of the embedding
   */
  List<Integer> tokens(String module) {
    JsonNode node = json.path("trainable_token_indices");
    if (node.isObject()) {
      JsonNode own = Json.MAPPER.createArrayNode();
      for (Map.Entry<String, JsonNode> entry : node.properties()) {
        boolean named =
            module.equals(entry.getKey()) || module.endsWith("." + Excerpt.of(entry.getKey()));
        own = named ? entry.getValue() : own;
      }
      node = own;
    }
    List<Integer> ids = new ArrayList<>();
    for (JsonNode id : node) {
      if (!JsonNumbers.isWhole(id, 0, Integer.MAX_VALUE)) {
        throw new IllegalArgumentException(
            file
                + ": trainable_token_indices: expected a list of ids, found "
                + FieldUses.shortened(node));
      }
      ids.add(id.intValue());
    }
    return ids;
  }
}
