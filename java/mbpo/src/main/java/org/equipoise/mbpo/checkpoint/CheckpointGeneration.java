package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.LogitRules;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.FieldUses;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.JsonNumbers;

/**
 * What a checkpoint's {@code generation_config.json} asks for. Its rules are obeyed where a model
 * is asked as its publisher meant it; never where answers must be the policy's own. How is sampled
 * and how much is a matter of settings. Immutable.
 */
public final class CheckpointGeneration {
  /** Below this, sampling is as good as greedy: Qwen's checkpoints say 0.01 and less. */
  private static final double ALMOST_GREEDY = 0.01;

  private final Path file;
  private final JsonNode json;
  private final List<String> named;
  private final LogitRules asked;

  private CheckpointGeneration(Path file, JsonNode json) {
    this.file = file;
    this.json = json;
    this.named = GenerationFields.ALL.check(file, "", json);
    this.asked = rules(endTokens());
  }

  /** Reads the file; without one nothing is asked for. */
  static CheckpointGeneration read(Path folder) {
    Path file = folder.resolve("generation_config.json");
    CheckpointFolder.requireNoBrokenLink(file);
    JsonNode json = Files.exists(file) ? Json.readObject(file) : Json.MAPPER.createObjectNode();
    return new CheckpointGeneration(file, json);
  }

  /** Ids that end an answer. */
  public Set<Integer> endTokens() {
    return new LinkedHashSet<>(ids("eos_token_id", json.path("eos_token_id")));
  }

  /**
   * What is asked of the choice of tokens.
   *
   * @param ends what ends an answer
   */
  public LogitRules rules(Set<Integer> ends) {
    return LogitRules.NONE
        .repetitionPenalty(penalty())
        .noRepeat(count("no_repeat_ngram_size"))
        .badWords(badWords(), ends)
        .minLength(count("min_length"), ends)
        .minNewTokens(count("min_new_tokens"), ends)
        .forcedEnd(ids("forced_eos_token_id", json.path("forced_eos_token_id")))
        .suppressed(ids("suppress_tokens", json.path("suppress_tokens")))
        .suppressedAtFirst(ids("begin_suppress_tokens", json.path("begin_suppress_tokens")));
  }

  /**
   * What a user should know who asks the model, one sentence each.
   *
   * @param options how answers are generated
   */
  public List<String> remarks(GenerationOptions options) {
    List<String> remarks = new ArrayList<>();
    if (!named.isEmpty()) {
      remarks.add(
          file
              + ": "
              + Excerpt.beginning(String.join(", ", named), 1000)
              + " are not supported and left out");
    }
    boolean sampled =
        json.path("do_sample").asBoolean()
            && topK() != 1
            && number("temperature", 1) > ALMOST_GREEDY
            && number("top_p", 1) > ALMOST_GREEDY;
    if (sampled && options.temperature() == 0) {
      remarks.add(
          file
              + ": the checkpoint samples (temperature "
              + number("temperature", 1)
              + ", top_k "
              + topK()
              + ", top_p "
              + number("top_p", 1)
              + "); answers are greedy here unless the settings temperature, topK and topP say"
              + " otherwise");
    }
    return remarks;
  }

  /** What a user should know whose answers are the policy's own; empty where nothing is asked. */
  public List<String> remarksOfPolicy() {
    return asked.isEmpty()
        ? List.of()
        : List.of(
            file
                + ": "
                + Excerpt.of(asked.toString())
                + ": generate and evaluate obey this; mine, attack and train do not, for their"
                + " answers must be the policy's own, whose log-probs are measured and trained");
  }

  private IllegalArgumentException wrong(String field, String expected) {
    return new IllegalArgumentException(
        file
            + ": "
            + field
            + ": expected "
            + expected
            + ", found "
            + FieldUses.shortened(json.path(field)));
  }

  private double number(String field, double otherwise) {
    JsonNode value = json.path(field);
    if (value.isMissingNode() || value.isNull()) {
      return otherwise;
    }
    if (!JsonNumbers.isPositive(value)) {
      throw wrong(field, "a positive number");
    }
    return value.doubleValue();
  }

  /** Only said; 50 is what transformers takes without the field. */
  private long topK() {
    JsonNode value = json.path("top_k");
    return JsonNumbers.isWhole(value, 0, Long.MAX_VALUE) ? value.longValue() : 50;
  }

  /** Beyond this, logits that are multiplied by it have no end. */
  private double penalty() {
    double penalty = number("repetition_penalty", 1);
    if (penalty < 1e-3 || penalty > 1e3) {
      throw wrong("repetition_penalty", "a number from 0.001 to 1000");
    }
    return penalty;
  }

  private int count(String field) {
    JsonNode value = json.path(field);
    if (value.isMissingNode() || value.isNull()) {
      return 0;
    }
    if (!JsonNumbers.isWhole(value, 0, Integer.MAX_VALUE)) {
      throw wrong(field, "a whole number that is not negative");
    }
    return value.intValue();
  }

  /** An id or a list of ids. */
  private List<Integer> ids(String field, JsonNode node) {
    List<Integer> ids = new ArrayList<>();
    if (node.isMissingNode() || node.isNull()) {
      return ids;
    }
    for (JsonNode id : node.isArray() ? node : List.of(node)) {
      if (!JsonNumbers.isWhole(id, 0, Integer.MAX_VALUE)) {
        throw wrong(field, "an id or a list of ids");
      }
      ids.add(id.intValue());
    }
    return ids;
  }

  private List<List<Integer>> badWords() {
    List<List<Integer>> words = new ArrayList<>();
    JsonNode node = json.path("bad_words_ids");
    if (node.isMissingNode() || node.isNull()) {
      return words;
    }
    for (JsonNode word : node) {
      if (!word.isArray() || word.isEmpty()) {
        throw wrong("bad_words_ids", "a list of lists of ids");
      }
      words.add(ids("bad_words_ids", word));
    }
    return words;
  }
}
