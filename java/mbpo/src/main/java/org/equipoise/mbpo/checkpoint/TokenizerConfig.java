package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Json;

/**
 * Whether {@code tokenizer_config.json} and its older companions ask for anything that {@code
 * tokenizer.json} alone does not do: tokens that transformers would add, other classes, texts
 * without special tokens.
 */
final class TokenizerConfig {
  static final String NAME = "tokenizer_config.json";

  /** Fields that are used or checked; so is every other field whose name ends in {@code _token}. */
  static final Set<String> USED =
      Set.of(
          "chat_template",
          "added_tokens_decoder",
          "additional_special_tokens",
          "extra_special_tokens",
          "model_specific_special_tokens",
          "bos_token",
          "eos_token",
          "pad_token",
          "unk_token",
          "image_token",
          "video_token",
          "add_prefix_space",
          "split_special_tokens",
          "tokenizer_class",
          "processor_class",
          "backend",
          "auto_map",
          "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output");

  /**
   * Fields of texts outside chats, of padding and of cutting, which are not done here, and {@code
   * model_max_length} and {@code clean_up_tokenization_spaces}, which transformers does not obey
   * with this kind of tokenizer.
   */
  static final Set<String> WITHOUT_EFFECT =
      Set.of(
          "model_max_length",
          "add_bos_token",
          "add_eos_token",
          "clean_up_tokenization_spaces",
          "errors",
          "init_inputs",
          "is_local",
          "legacy",
          "local_files_only",
          "max_length",
          "model_input_names",
          "name_or_path",
          "pad_to_multiple_of",
          "pad_token_type_id",
          "padding_side",
          "response_template",
          "slow_tokenizer_class",
          "special_tokens_map_file",
          "stride",
          "tokenizer_file",
          "truncation_side",
          "truncation_strategy",
          "use_fast");

  private static final Set<String> SPECIALS =
      Set.of("additional_special_tokens", "extra_special_tokens", "model_specific_special_tokens");
  private static final Set<String> OWN_CLASSES = Set.of("Qwen2Tokenizer", "Qwen2TokenizerFast");
  private static final Set<String> GENERAL_CLASSES =
      Set.of("PreTrainedTokenizerFast", "TokenizersBackend");

  private static final String QWEN2_PATTERN =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
          + " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private final TokenizerFile tokenizer;

  private TokenizerConfig(TokenizerFile tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** Refuses, by the field's name, what would make other tokens. */
  static void check(Path folder, TokenizerFile tokenizer) {
    TokenizerConfig check = new TokenizerConfig(tokenizer);
    new CheckpointFields(tokenizer.file(), "model.", tokenizer.part("model"))
        .require(
            tokenizer.part("model").path("dropout").asDouble() == 0,
            "dropout",
            "null: with it the same text becomes other tokens each time");
    TokenizerPostProcessor.check(tokenizer);
    Path config = folder.resolve(NAME);
    boolean decoder = false;
    if (Files.exists(config)) {
      CheckpointFields fields = new CheckpointFields(config, "", Json.readObject(config));
      decoder = fields.has("added_tokens_decoder");
      check.config(fields);
    }
    // transformers reads these only where the newer field is absent.
    Path map = folder.resolve("special_tokens_map.json");
    if (!decoder && Files.exists(map)) {
      CheckpointFields fields = new CheckpointFields(map, "", Json.readObject(map));
      fields.names().forEach(name -> check.specials(fields, name));
    }
    Path added = folder.resolve("added_tokens.json");
    if (!decoder && Files.exists(added)) {
      CheckpointFields fields = new CheckpointFields(added, "", Json.readObject(added));
      for (String content : fields.names()) {
        TokenizerFile.AddedToken known = tokenizer.added().get(content);
        fields.require(
            known != null && known.id() == fields.get(content).asInt(-1),
            content,
            known == null
                ? "a token of tokenizer.json"
                : "its id in tokenizer.json, " + known.id());
      }
    }
  }

  private void config(CheckpointFields fields) {
    Set<String> used = new TreeSet<>(USED);
    fields.names().stream().filter(name -> name.endsWith("_token")).forEach(used::add);
    used.removeAll(WITHOUT_EFFECT);
    fields.account(used, WITHOUT_EFFECT);
    fields.require(
        !fields.has("auto_map"), "auto_map", "no code of the checkpoint's own, which is not run");
    fields.require(
        fields.text("backend", "tokenizers").equals("tokenizers"), "backend", "tokenizers");
    fields.require(
        !fields.flag("split_special_tokens", false),
        "split_special_tokens",
        "false: without special tokens a chat has no turns and no images");
    String corrupt = "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output";
    fields.require(!fields.flag(corrupt, false), corrupt, "false");
    for (String name : used) {
      if (name.endsWith("_token") || SPECIALS.contains(name)) {
        specials(fields, name);
      }
    }
    placeholders(fields);
    decoder(fields);
    classes(fields);
  }

  private void placeholders(CheckpointFields fields) {
    for (String name : List.of("image_token", "video_token")) {
      String own = "<|" + name.replace("_token", "_pad") + "|>";
      fields.require(!fields.has(name) || content(fields.get(name)).equals(own), name, own);
    }
  }

  /** Tokens by name, in a list or in an object: transformers makes each of them a special one. */
  private void specials(CheckpointFields fields, String name) {
    if (!fields.has(name)) {
      return;
    }
    JsonNode value = fields.get(name);
    List<JsonNode> tokens = new ArrayList<>();
    if (value.isArray() || (value.isObject() && !value.has("content"))) {
      value.forEach(tokens::add);
    } else {
      tokens.add(value);
    }
    for (JsonNode token : tokens) {
      TokenizerFile.AddedToken known = tokenizer.added().get(content(token));
      if (known == null || !known.special()) {
        throw fields.error(
            name,
            "special tokens that "
                + tokenizer.file().getFileName()
                + " has as such, not "
                + Excerpt.quoted(content(token))
                + "; save the tokenizer again with transformers' AutoTokenizer");
      }
    }
  }

  private static String content(JsonNode token) {
    return token.isObject() ? token.path("content").asText() : token.asText();
  }

  private void decoder(CheckpointFields fields) {
    if (!fields.has("added_tokens_decoder")) {
      return;
    }
    CheckpointFields tokens = fields.child("added_tokens_decoder");
    for (String id : tokens.names()) {
      CheckpointFields token = tokens.child(id);
      TokenizerFile.AddedToken known = tokenizer.added().get(token.text("content", ""));
      boolean same =
          known != null
              && id.equals(Integer.toString(known.id()))
              && known.equals(TokenizerFile.AddedToken.of(known.id(), token));
      tokens.require(
          same,
          id,
          "a token as "
              + tokenizer.file().getFileName()
              + " has it ("
              + (known == null ? "it has none of this content" : known)
              + "); save the tokenizer again with transformers' AutoTokenizer");
    }
  }

  /**
   * transformers 5 builds Qwen2Tokenizer's normaliser and its way of splitting texts itself, other
   * versions and classes take them from tokenizer.json: only where both are the same is it known
   * what the tokens are.
   */
  private void classes(CheckpointFields fields) {
    String name = fields.text("tokenizer_class", "TokenizersBackend");
    fields.require(
        OWN_CLASSES.contains(name) || GENERAL_CLASSES.contains(name),
        "tokenizer_class",
        "one of " + new TreeSet<>(OWN_CLASSES) + " and " + new TreeSet<>(GENERAL_CLASSES));
    JsonNode splits = tokenizer.part("pre_tokenizer");
    JsonNode bytes = splits.has("pretokenizers") ? splits.path("pretokenizers").path(1) : splits;
    fields.require(
        !fields.flag("add_prefix_space", false) || bytes.path("add_prefix_space").asBoolean(),
        "add_prefix_space",
        "false, as tokenizer.json has it");
    fields.require(
        !OWN_CLASSES.contains(name) || isQwen2(fields.flag("add_prefix_space", false)),
        "tokenizer_class",
        "a tokenizer.json with model, normalizer, pre_tokenizer and decoder as Qwen2's, which"
            + " transformers takes for this class whatever the file says; for another one the class"
            + " is PreTrainedTokenizerFast");
  }

  private boolean isQwen2(boolean prefixSpace) {
    JsonNode model = tokenizer.part("model");
    JsonNode splits = tokenizer.part("pre_tokenizer").path("pretokenizers");
    JsonNode split = splits.path(0);
    JsonNode bytes = splits.path(1);
    return is(model, "type", "BPE")
        && List.of("unk_token", "continuing_subword_prefix", "end_of_word_suffix").stream()
            .allMatch(affix -> !model.hasNonNull(affix) || is(model, affix, ""))
        && List.of("byte_fallback", "fuse_unk", "ignore_merges").stream()
            .noneMatch(flag -> model.path(flag).asBoolean())
        && is(tokenizer.part("normalizer"), "type", "NFC")
        && is(tokenizer.part("decoder"), "type", "ByteLevel")
        && splits.size() == 2
        && is(split, "type", "Split")
        && is(split.path("pattern"), "Regex", QWEN2_PATTERN)
        && is(split, "behavior", "Isolated")
        && !split.path("invert").asBoolean()
        && is(bytes, "type", "ByteLevel")
        && !bytes.path("use_regex").asBoolean(true)
        && bytes.path("add_prefix_space").asBoolean() == prefixSpace;
  }

  private static boolean is(JsonNode node, String field, String text) {
    return node.path(field).asText().equals(text);
  }
}
