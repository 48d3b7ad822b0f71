package org.equipoise.mbpo.config;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.TreeNode;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Json;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.DumperOptions;
import org.yaml.snakeyaml.Yaml;

/**
 * The settings of a run: the documented defaults, a user's YAML file over them, single values of
 * the command line over that. Only keys that the defaults have are accepted. Immutable.
 */
public final class RunSettings {
  private static final String DEFAULTS = "defaults.yaml";

  /** Of a file of settings; the defaults, comments and all, are a hundredth of it. */
  private static final int MOST_BYTES = 1 << 20;

  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(MapperFeature.ACCEPT_CASE_INSENSITIVE_ENUMS)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .build();

  private static final Map<Class<?>, String> WRITTEN_AS =
      Map.of(
          int.class, "a whole number",
          long.class, "a whole number",
          Long.class, "a whole number",
          double.class, "a number",
          boolean.class, "true or false");

  private final ObjectNode tree;
  private final SettingSources sources;

  private RunSettings(ObjectNode tree, SettingSources sources) {
    this.tree = tree;
    this.sources = sources;
  }

  /** The text of the defaults, comments and all. */
  public static String defaultsText() {
    try (InputStream stream = RunSettings.class.getResourceAsStream(DEFAULTS)) {
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * @param file a user's file, or {@code null}
   * @param single values by the path of their key, for example {@code train.lora.rank}; texts are
   *     taken as they stand, an empty one is no text
   */
  public static RunSettings load(@Nullable Path file, Map<String, String> single) {
    ObjectNode tree =
        (ObjectNode) SettingsYaml.read(MAPPER, "the defaults", defaultsText()).values();
    SettingSources sources = new SettingSources();
    if (file != null) {
      SettingsYaml.Document document =
          SettingsYaml.read(MAPPER, file.toString(), AtomicFiles.readText(file, MOST_BYTES));
      JsonNode own = document.values();
      sources.addFile(file, document.places());
      if (own.isObject()) {
        merge(tree, (ObjectNode) own, "", sources);
      } else if (!own.isMissingNode() && !own.isNull()) {
        throw new IllegalArgumentException(
            file + ": expected settings as KEY: VALUE, found " + own.getNodeType());
      }
    }
    single.forEach(
        (path, value) -> {
          sources.addOption(path, value);
          // With -1 the pieces behind the last dot count, too: "seed." names nothing.
          String[] keys = path.split("\\.", -1);
          if (List.of(keys).contains("")) {
            throw new IllegalArgumentException(
                sources.where(path) + ": expected KEY=VALUE with a KEY such as train.lora.rank");
          }
          ObjectNode own = MAPPER.createObjectNode();
          ObjectNode at = own;
          for (int i = 0; i < keys.length - 1; i++) {
            at = at.putObject(keys[i]);
          }
          at.set(keys[keys.length - 1], single(at(tree, path), path, value));
          merge(tree, own, "", sources);
        });
    return new RunSettings(tree, sources);
  }

  /**
   * What --set says. A text is taken as it stands, whatever signs are in it; numbers, true and
   * false, and [lists] are read as in a file where the setting has one.
   */
  private static JsonNode single(JsonNode known, String path, String value) {
    return known.isNumber() || known.isBoolean() || known.isArray()
        ? SettingsYaml.read(MAPPER, "--set " + path, value).values()
        : TextNode.valueOf(value);
  }

  private static void merge(ObjectNode into, ObjectNode own, String path, SettingSources sources) {
    for (Map.Entry<String, JsonNode> entry : own.properties()) {
      String key = path + entry.getKey();
      JsonNode known = into.get(entry.getKey());
      if (known == null) {
        List<String> keys =
            into.properties().stream().map(Map.Entry::getKey).collect(Collectors.toList());
        throw new IllegalArgumentException(
            sources.where(key)
                + ": unknown setting "
                + Excerpt.of(key)
                + "; did you mean "
                + path
                + Spelling.nearest(entry.getKey(), keys)
                + "? `equipoise config` prints all of them");
      }
      if (known.isObject()) {
        if (!entry.getValue().isObject()) {
          throw new IllegalArgumentException(
              sources.where(key)
                  + ": "
                  + key
                  + ": expected settings of its own, such as "
                  + known.properties().iterator().next().getKey()
                  + ", found "
                  + Excerpt.of(entry.getValue().toString()));
        }
        merge((ObjectNode) known, (ObjectNode) entry.getValue(), key + ".", sources);
      } else if (known.isArray() != entry.getValue().isArray() || entry.getValue().isObject()) {
        throw new IllegalArgumentException(
            sources.where(key)
                + ": "
                + key
                + ": expected "
                + (known.isArray() ? "a list, such as [a, b]" : "one value")
                + ", found "
                + Excerpt.of(entry.getValue().toString()));
      } else if (!StandardCharsets.UTF_8.newEncoder().canEncode(entry.getValue().asText())) {
        throw new IllegalArgumentException(
            sources.where(key)
                + ": "
                + key
                + ": expected a text, found half of a character in "
                + Excerpt.quoted(entry.getValue().asText()));
      } else {
        into.set(entry.getKey(), entry.getValue());
      }
    }
  }

  /**
   * The settings below a key as a record (or the value at it), whose constructor checks them.
   *
   * @throws IllegalArgumentException naming file, line and key of what is wrong
   */
  public <T> T bind(String path, Class<T> type) {
    JsonNode node = at(path);
    if (node.isMissingNode()) {
      throw new IllegalArgumentException("there is no setting " + path);
    }
    try {
      return MAPPER.treeToValue((TreeNode) node, type);
    } catch (JsonMappingException e) {
      String key =
          e.getPath().stream()
              .map(reference -> "." + reference.getFieldName())
              .collect(Collectors.joining("", path, ""));
      String found =
          e.getCause() instanceof IllegalArgumentException
              ? e.getCause().getMessage()
              : mismatch(e, at(key));
      // Records begin their texts with the component's name.
      String component = key + "." + found.split("[^A-Za-z0-9]", 2)[0];
      String named = at(component).isMissingNode() ? key : component;
      throw new IllegalArgumentException(sources.where(named) + ": " + named + ": " + found, e);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(path + ": " + Json.problem(e), e);
    }
  }

  /** What was expected in a value's place. */
  private static String mismatch(JsonMappingException e, JsonNode found) {
    Class<?> type = e instanceof MismatchedInputException wrong ? wrong.getTargetType() : null;
    String expected =
        type == null
            ? null
            : type.isEnum()
                ? "one of "
                    + Arrays.stream(type.getEnumConstants())
                        .map(Object::toString)
                        .collect(Collectors.joining(", "))
                : WRITTEN_AS.get(type);
    return expected == null || found.isMissingNode()
        ? e.getOriginalMessage().lines().findFirst().orElse("")
        : "expected "
            + expected
            + ", found "
            + (found.isNull() ? "nothing" : Excerpt.of(found.asText()));
  }

  private JsonNode at(String path) {
    return at(tree, path);
  }

  private static JsonNode at(JsonNode tree, String path) {
    JsonNode node = tree;
    for (String key : path.split("\\.")) {
      node = node.path(key);
    }
    return node;
  }

  /** A path, or {@code null} where none is set. */
  public @Nullable Path path(String key) {
    String text = bind(key, String.class);
    try {
      return text == null || text.isBlank() ? null : Path.of(text);
    } catch (InvalidPathException e) {
      throw new IllegalArgumentException(
          sources.where(key) + ": " + key + ": expected a path, found " + Excerpt.quoted(text), e);
    }
  }

  /** A path that must be set. */
  public Path requiredPath(String key) {
    Path path = path(key);
    if (path == null) {
      throw new IllegalArgumentException(
          key + " is not set; give it in the settings file or as --set " + key + "=PATH");
    }
    return path;
  }

  /** Everything as YAML, for the record. */
  public String text() {
    DumperOptions blocks = new DumperOptions();
    blocks.setDefaultFlowStyle(DumperOptions.FlowStyle.BLOCK);
    return new Yaml(blocks).dump(MAPPER.convertValue(tree, Map.class));
  }
}
