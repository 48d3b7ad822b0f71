package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.FieldUses;
import org.equipoise.mbpo.storage.JsonNumbers;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One object of a checkpoint's JSON. Its reader says which fields it uses and which have no effect
 * here, so that no field is passed over in silence; {@code null} is as good as absent unless a
 * reader refuses it. Errors name the file and the field.
 */
final class CheckpointFields {
  private static final Logger LOG = LoggerFactory.getLogger(CheckpointFields.class);
  private static final Set<String> SAID = ConcurrentHashMap.newKeySet();
  private static final int SHOWN = 200;

  private final Path file;
  private final String path;
  private final JsonNode node;

  CheckpointFields(Path file, String path, JsonNode node) {
    this.file = file;
    this.path = path;
    this.node = node;
  }

  /** Names, once, the fields that are in neither list. */
  CheckpointFields account(Set<String> used, Set<String> withoutEffect) {
    String unknown =
        names().stream()
            .filter(name -> !used.contains(name) && !withoutEffect.contains(name) && has(name))
            .map(name -> path + name)
            .collect(Collectors.joining(", "));
    if (!unknown.isEmpty() && SAID.add(file + unknown)) {
      LOG.warn(
          "{}: not known here and without effect: {}", file, Excerpt.beginning(unknown, SHOWN));
    }
    return this;
  }

  /** Names of all fields. */
  List<String> names() {
    return node.properties().stream().map(Map.Entry::getKey).toList();
  }

  boolean has(String field) {
    return node.hasNonNull(field);
  }

  JsonNode get(String field) {
    return node.path(field);
  }

  /** The object in a field. */
  CheckpointFields child(String field) {
    if (!get(field).isObject()) {
      throw error(field, "an object");
    }
    return new CheckpointFields(file, path + field + ".", get(field));
  }

  boolean flag(String field, boolean otherwise) {
    if (!has(field)) {
      return otherwise;
    }
    if (!get(field).isBoolean()) {
      throw error(field, "true or false");
    }
    return get(field).asBoolean();
  }

  /** A positive whole number. */
  long integer(String field, long otherwise) {
    if (!has(field)) {
      return otherwise;
    }
    JsonNode value = get(field);
    // Python writes whole numbers as floats where a calculation gave them.
    boolean whole = value.isNumber() && value.asDouble() == Math.rint(value.asDouble());
    if (!whole || value.asDouble() < 1 || value.asDouble() > Long.MAX_VALUE / 2) {
      throw error(field, "a positive whole number");
    }
    return value.asLong();
  }

  double positive(String field, double otherwise) {
    if (!has(field)) {
      return otherwise;
    }
    if (!JsonNumbers.isPositive(get(field))) {
      throw error(field, "a positive number");
    }
    return get(field).doubleValue();
  }

  String text(String field, String otherwise) {
    if (!has(field)) {
      return otherwise;
    }
    if (!get(field).isTextual()) {
      throw error(field, "a text");
    }
    return get(field).asText();
  }

  /** Three numbers, or one for all of three. */
  double[] perChannel(String field, double[] otherwise) {
    if (!has(field)) {
      return otherwise.clone();
    }
    JsonNode values = get(field);
    List<Double> numbers = new ArrayList<>();
    for (JsonNode value : values.isArray() ? values : List.of(values, values, values)) {
      numbers.add(value.isNumber() ? value.asDouble() : Double.NaN);
    }
    if (numbers.size() != 3 || !numbers.stream().allMatch(Double::isFinite)) {
      throw error(field, "three numbers");
    }
    return numbers.stream().mapToDouble(Double::doubleValue).toArray();
  }

  void require(boolean condition, String field, String expected) {
    if (!condition) {
      throw error(field, expected);
    }
  }

  IllegalArgumentException error(String field, String expected) {
    JsonNode found = get(field);
    return new IllegalArgumentException(
        file
            + ": "
            + Excerpt.of(path + field)
            + ": expected "
            + expected
            + ", found "
            + FieldUses.shortened(found));
  }
}
