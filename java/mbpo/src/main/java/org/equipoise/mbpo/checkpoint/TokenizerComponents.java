package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * What stands around the model in a {@code tokenizer.json}: the native library ends the process on
 * some contents of these parts, so that only kinds, fields and values of published families pass.
 */
final class TokenizerComponents {
  private static final int LONGEST_SEQUENCE = 16;
  private static final int LONGEST_TEXT = 32;
  private static final int MOST_STRIPPED = 16;
  private static final String BPE = "BPE";
  private static final Set<String> NONE = Set.of();
  private static final Set<String> BYTES = Set.of("add_prefix_space", "trim_offsets", "use_regex");
  private static final Set<String> SPACES =
      Set.of("replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep");
  private static final Set<String> COMPOUND =
      Set.of("pattern", "normalizers", "pretokenizers", "decoders");
  private static final Set<String> REPLACE = Set.of("pattern", "content");

  /** Fields of the kinds of components by the part that they stand in. */
  private enum Role {
    /** NFKC and NFKD are not among them: they make eleven bytes of one. */
    NORMALIZER(
        "normalizer",
        "normalizers",
        Map.of(
            "NFC", NONE,
            "NFD", NONE,
            "Lowercase", NONE,
            "StripAccents", NONE,
            "Replace", REPLACE,
            "Prepend", Set.of("prepend"))),
    PRE_TOKENIZER(
        "pre_tokenizer",
        "pretokenizers",
        Map.of(
            "ByteLevel", BYTES,
            "Split", Set.of("pattern", "behavior", "invert"),
            "Digits", Set.of("individual_digits"),
            "Punctuation", Set.of("behavior"),
            "Whitespace", NONE,
            "WhitespaceSplit", NONE,
            "Metaspace", SPACES)),
    DECODER(
        "decoder",
        "decoders",
        Map.of(
            "ByteLevel", BYTES,
            "ByteFallback", NONE,
            "Fuse", NONE,
            "Metaspace", SPACES,
            "Replace", REPLACE,
            "Strip", Set.of("content", "start", "stop")));

    private final String part;
    private final String list;
    private final Map<String, Set<String>> kinds;

    Role(String part, String list, Map<String, Set<String>> kinds) {
      this.part = part;
      this.list = list;
      this.kinds = kinds;
    }
  }

  /** What published files replace, and by what: the mark of a space, and several spaces. */
  private static final Map<String, Set<String>> REPLACED =
      Map.of(
          "{\"String\":\" \"}", Set.of("\u2581"),
          "{\"String\":\"\u2581\"}", Set.of(" "),
          "{\"Regex\":\" {2,}\"}", Set.of(" ", "\u2581"),
          "{\"Regex\":\"\\\\s+\"}", Set.of(" "));

  private final Path file;

  private TokenizerComponents(Path file) {
    this.file = file;
  }

  /** Refuses, by the field's name, what no published family has. */
  static void check(TokenizerFile tokenizer) {
    TokenizerComponents components = new TokenizerComponents(tokenizer.file());
    for (Role role : Role.values()) {
      components.part(role, tokenizer.part(role.part));
    }
    components.model(new CheckpointFields(components.file, "model.", tokenizer.part("model")));
  }

  /** Published files of GPT-2 do not name their kind. */
  private void model(CheckpointFields model) {
    String kind = model.has("type") ? model.get("type").asText() : model.has("merges") ? BPE : "";
    require(model, kind.equals(BPE), "type", "BPE");
    affix(model, "continuing_subword_prefix", "");
    affix(model, "end_of_word_suffix", "</w>");
  }

  /** The library cuts it off tokens that it expects to be longer. */
  private static void affix(CheckpointFields model, String field, String known) {
    String affix = model.has(field) ? model.get(field).asText() : "";
    require(
        model,
        affix.isEmpty() || affix.equals(known),
        field,
        known.isEmpty() ? "null" : "null or " + known);
  }

  private void part(Role role, JsonNode node) {
    if (node.isMissingNode() || node.isNull()) {
      return;
    }
    if (!node.path("type").asText().equals("Sequence")) {
      component(role, new CheckpointFields(file, role.part + ".", node));
      return;
    }
    CheckpointFields sequence = new CheckpointFields(file, role.part + ".", node);
    fields(sequence, Set.of(role.list));
    JsonNode list = node.path(role.list);
    require(
        sequence,
        list.isArray() && list.size() <= LONGEST_SEQUENCE,
        role.list,
        "a list of at most " + LONGEST_SEQUENCE);
    for (int i = 0; i < list.size(); i++) {
      String path = role.part + "." + role.list + "[" + i + "].";
      component(role, new CheckpointFields(file, path, list.get(i)));
    }
  }

  private void component(Role role, CheckpointFields fields) {
    JsonNode kind = fields.get("type");
    Set<String> known = role.kinds.get(kind.asText());
    require(
        fields,
        kind.isTextual() && known != null,
        "type",
        "one of " + new TreeSet<>(role.kinds.keySet()));
    fields(fields, known);
    switch (kind.asText()) {
      case "Split" -> split(fields);
      case "Replace" ->
          require(
              fields,
              REPLACED
                  .getOrDefault(fields.get("pattern").toString(), NONE)
                  .contains(fields.get("content").asText()),
              "pattern",
              "one that replaces spaces or their mark \u2581 by one of the other");
      case "Prepend" ->
          require(fields, fields.get("prepend").asText().equals("\u2581"), "prepend", "\u2581");
      case "Strip" -> {
        for (String end : List.of("start", "stop")) {
          JsonNode count = fields.get(end);
          require(
              fields,
              count.canConvertToInt() && count.asInt() >= 0 && count.asInt() <= MOST_STRIPPED,
              end,
              "0 to " + MOST_STRIPPED);
        }
      }
      default -> {}
    }
  }

  private void split(CheckpointFields fields) {
    CheckpointFields pattern = fields.child("pattern");
    if (pattern.has("Regex")) {
      fields(pattern, Set.of("Regex"));
      require(
          pattern,
          TokenizerPatterns.isKnown(pattern.get("Regex").asText()),
          "Regex",
          "the expression of a published family of tokenizers, character by character");
    } else {
      fields(pattern, Set.of("String"));
      require(pattern, !pattern.get("String").asText().isEmpty(), "String", "a text");
    }
  }

  /** No other fields than these, and only small values in them. */
  private void fields(CheckpointFields fields, Set<String> known) {
    for (String name : fields.names()) {
      JsonNode value = fields.get(name);
      if (!known.contains(name) && !name.equals("type")) {
        throw TokenizerFile.refused(fields.error(Excerpt.of(name), "no field of this name"));
      }
      require(
          fields,
          value.isValueNode() || COMPOUND.contains(name),
          name,
          "true, false, a number or a text");
      require(
          fields,
          value.asText().length() <= LONGEST_TEXT || name.equals("Regex"),
          name,
          "at most " + LONGEST_TEXT + " characters");
    }
  }

  private static void require(
      CheckpointFields fields, boolean condition, String field, String expected) {
    if (!condition) {
      throw TokenizerFile.refused(fields.error(field, expected));
    }
  }
}
