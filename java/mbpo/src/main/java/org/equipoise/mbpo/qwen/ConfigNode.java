package org.equipoise.mbpo.qwen;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.equipoise.mbpo.storage.FieldUses;
import org.equipoise.mbpo.storage.JsonNumbers;

/** One object of a config.json; errors name the file and the field's path. */
final class ConfigNode {
  private final Path file;
  private final String path;
  private final JsonNode node;

  ConfigNode(Path file, String path, JsonNode node) {
    this.file = file;
    this.path = path;
    this.node = node;
  }

  boolean has(String field) {
    return node.hasNonNull(field);
  }

  boolean isNull(String field) {
    return node.path(field).isNull();
  }

  ConfigNode child(String field) {
    JsonNode child = node.path(field);
    if (!child.isObject()) {
      throw error(field, "an object", child);
    }
    return new ConfigNode(file, path + field + ".", child);
  }

  int integer(String field, int otherwise) {
    return has(field) ? integer(field) : otherwise;
  }

  /** A positive whole number. */
  int integer(String field) {
    JsonNode value = node.path(field);
    if (!JsonNumbers.isWhole(value, 1, Integer.MAX_VALUE)) {
      throw error(field, "a positive whole number", value);
    }
    return value.intValue();
  }

  /** A number within bounds, both included. */
  double number(String field, double otherwise, double least, double most) {
    if (!has(field)) {
      return otherwise;
    }
    JsonNode value = node.path(field);
    double found = value.doubleValue();
    if (!value.isNumber() || !(found >= least && found <= most)) {
      throw error(field, "a number from " + least + " to " + most, value);
    }
    return found;
  }

  String text(String field, String otherwise) {
    if (!has(field)) {
      return otherwise;
    }
    JsonNode value = node.path(field);
    if (!value.isTextual()) {
      throw error(field, "a text", value);
    }
    return value.asText();
  }

  boolean flag(String field, boolean otherwise) {
    if (!has(field)) {
      return otherwise;
    }
    JsonNode value = node.path(field);
    if (!value.isBoolean()) {
      throw error(field, "true or false", value);
    }
    return value.asBoolean();
  }

  List<Integer> integers(String field, List<Integer> otherwise) {
    if (!has(field)) {
      return otherwise;
    }
    JsonNode values = node.path(field);
    List<Integer> list = new ArrayList<>();
    for (JsonNode value : values) {
      if (!JsonNumbers.isWhole(value, 0, Integer.MAX_VALUE)) {
        throw error(field, "a list of whole numbers", values);
      }
      list.add(value.intValue());
    }
    if (!values.isArray()) {
      throw error(field, "a list of whole numbers", values);
    }
    return list;
  }

  /** A list of texts; empty where there is none. */
  List<String> texts(String field) {
    List<String> list = new ArrayList<>();
    if (has(field)) {
      for (JsonNode value : node.path(field)) {
        list.add(value.asText());
      }
    }
    return list;
  }

  void require(boolean condition, String field, String expected) {
    if (!condition) {
      throw error(field, expected, node.path(field));
    }
  }

  private IllegalArgumentException error(String field, String expected, JsonNode found) {
    return new IllegalArgumentException(
        file
            + ": "
            + path
            + field
            + ": expected "
            + expected
            + ", found "
            + FieldUses.shortened(found));
  }
}
