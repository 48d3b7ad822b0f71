package org.equipoise.mbpo.data;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.JsonNumbers;

/** The fields of a JSON object; errors name the field, what was expected and what was found. */
final class JsonFields {
  private final JsonNode node;
  private final String path;

  JsonFields(JsonNode node, String path) {
    this.node = node;
    this.path = path;
  }

  /** Whether the field is there and not null. */
  boolean has(String name) {
    return node.hasNonNull(name);
  }

  boolean isText(String name) {
    return node.path(name).isTextual();
  }

  boolean isList(String name) {
    return node.path(name).isArray();
  }

  boolean isObject(String name) {
    return node.path(name).isObject();
  }

  /** Whether the field is there, not null, and no empty list or text. */
  boolean hasContent(String name) {
    JsonNode value = node.path(name);
    return has(name)
        && !(value.isContainerNode() && value.isEmpty())
        && !(value.isTextual() && value.textValue().isEmpty());
  }

  /** The names of all fields, in order. */
  List<String> names() {
    List<String> names = new ArrayList<>();
    node.fieldNames().forEachRemaining(names::add);
    return names;
  }

  /** What a field is called in messages. */
  String place(String name) {
    return "field \"" + path + name + "\"";
  }

  /** The field itself. */
  JsonNode value(String name) {
    return node.path(name);
  }

  /** A list of objects. */
  List<JsonFields> objects(String name) {
    JsonNode value = node.path(name);
    List<JsonFields> objects = new ArrayList<>();
    for (JsonNode item : value) {
      if (!item.isObject()) {
        throw wrong(place(name), "a list of objects", item);
      }
      objects.add(new JsonFields(item, path + name + "[" + objects.size() + "]."));
    }
    if (!value.isArray()) {
      throw wrong(place(name), "a list of objects", value);
    }
    return objects;
  }

  String text(String name) {
    JsonNode value = node.path(name);
    if (!value.isTextual()) {
      throw wrong(place(name), "text", value);
    }
    return value.textValue();
  }

  /** Text; a whole number is taken as its digits. */
  String textOrNumber(String name) {
    JsonNode value = node.path(name);
    return value.isIntegralNumber() ? value.asText() : text(name);
  }

  boolean flag(String name) {
    JsonNode value = node.path(name);
    if (!value.isBoolean()) {
      throw wrong(place(name), "true or false", value);
    }
    return value.booleanValue();
  }

  /** NaN when the field is absent or null: JSON has no NaN. */
  double number(String name) {
    JsonNode value = node.path(name);
    if (value.isMissingNode() || value.isNull()) {
      return Double.NaN;
    }
    if (!JsonNumbers.isFinite(value)) {
      throw wrong(place(name), "a number", value);
    }
    return value.doubleValue();
  }

  /** Empty when the field is absent or null. */
  List<String> texts(String name) {
    JsonNode value = node.path(name);
    List<String> texts = new ArrayList<>();
    if (value.isMissingNode() || value.isNull()) {
      return texts;
    }
    if (!value.isArray()) {
      throw wrong(place(name), "a list of texts", value);
    }
    for (JsonNode item : value) {
      if (!item.isTextual()) {
        throw wrong(place(name), "a list of texts", item);
      }
      texts.add(item.textValue());
    }
    return texts;
  }

  JsonFields object(String name) {
    JsonNode value = node.path(name);
    if (!value.isObject()) {
      throw wrong(place(name), "an object", value);
    }
    return new JsonFields(value, path + name + ".");
  }

  /** All fields as texts, in order. */
  Map<String, String> asMap() {
    Map<String, String> map = new LinkedHashMap<>();
    node.properties().forEach(entry -> map.put(entry.getKey(), entry.getValue().asText()));
    return map;
  }

  /** For a field that is not what it should be. */
  IllegalArgumentException wrong(String name, String expected) {
    return wrong(place(name), expected, node.path(name));
  }

  /** For a value at a place that is not what it should be. */
  static IllegalArgumentException wrong(String place, String expected, JsonNode found) {
    return new IllegalArgumentException(
        place
            + ": expected "
            + expected
            + ", found "
            + (found.isMissingNode() ? "nothing" : Excerpt.of(found.toString())));
  }
}
