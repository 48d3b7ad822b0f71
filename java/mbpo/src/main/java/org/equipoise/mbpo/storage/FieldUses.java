package org.equipoise.mbpo.storage;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What is done with each field of an object in a JSON file that others write: honoured, refused by
 * name unless it says nothing, named and left out, or left alone because it changes nothing here. A
 * field that is in no list is named, too. Immutable once built.
 */
public final class FieldUses {
  /** What becomes of a field. */
  public enum Use {
    HONOURED,
    REFUSED,
    /** Said in one sentence, and left out. */
    NAMED,
    WITHOUT_EFFECT
  }

  private final Map<String, Use> uses = new LinkedHashMap<>();
  private final Map<String, String> advice = new LinkedHashMap<>();
  private final Map<String, Double> neutral = new LinkedHashMap<>();

  public FieldUses honoured(String... fields) {
    return put(Use.HONOURED, fields);
  }

  public FieldUses withoutEffect(String... fields) {
    return put(Use.WITHOUT_EFFECT, fields);
  }

  /**
   * @param advice what to do about a file that uses the field
   */
  public FieldUses refused(String field, String advice) {
    this.advice.put(field, advice);
    return put(Use.REFUSED, field);
  }

  /** Fields that are named where they say something. */
  public FieldUses named(String... fields) {
    return put(Use.NAMED, fields);
  }

  /**
   * A field with a number that is named unless the number is this one.
   *
   * @param nothing what changes nothing
   */
  public FieldUses named(String field, double nothing) {
    neutral.put(field, nothing);
    return put(Use.NAMED, field);
  }

  private FieldUses put(Use use, String... fields) {
    for (String field : fields) {
      if (uses.put(field, use) != null) {
        throw new IllegalStateException(field + " is listed twice");
      }
    }
    return this;
  }

  public Map<String, Use> uses() {
    return Collections.unmodifiableMap(uses);
  }

  /**
   * @param file what the errors name
   * @param path of the object in the file, ending in a dot, or empty
   * @return fields that say something and are to be named, or in no list
   * @throws IllegalArgumentException if a field is used that is refused
   */
  public List<String> check(Path file, String path, JsonNode object) {
    List<String> named = new ArrayList<>();
    for (Map.Entry<String, JsonNode> field : object.properties()) {
      Double nothing = neutral.get(field.getKey());
      boolean same =
          nothing != null && field.getValue().isNumber() && field.getValue().asDouble() == nothing;
      if (same || saysNothing(field.getValue())) {
        continue;
      }
      Use use = uses.get(field.getKey());
      if (use == Use.REFUSED) {
        throw new IllegalArgumentException(
            file
                + ": "
                + path
                + field.getKey()
                + ": found "
                + shortened(field.getValue())
                + ", which is not supported; "
                + advice.get(field.getKey()));
      }
      if (use == null || use == Use.NAMED) {
        named.add(path + field.getKey());
      }
    }
    return named;
  }

  /** Absent, off or empty. */
  public static boolean saysNothing(JsonNode value) {
    return value.isMissingNode()
        || value.isNull()
        || value.isBoolean() && !value.asBoolean()
        || value.isTextual() && value.asText().isEmpty()
        || value.isContainerNode() && value.isEmpty();
  }

  /** A value as far as an error shows it. */
  public static String shortened(JsonNode value) {
    return value.isMissingNode() ? "nothing" : Excerpt.of(value.toString());
  }
}
