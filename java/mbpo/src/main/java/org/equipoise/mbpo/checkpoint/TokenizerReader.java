package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.util.TokenBuffer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.equipoise.mbpo.checkpoint.TokenizerFile.AddedToken;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.StorageException;
import org.jspecify.annotations.Nullable;

/**
 * Reads a {@code tokenizer.json} once: its small parts are kept, the large tables are checked in
 * passing unless the file is trusted.
 */
final class TokenizerReader {
  /** Vocabularies have 150 000 names that nobody asks for twice. */
  static final JsonFactory FACTORY =
      JsonFactory.builder()
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .build()
          .setCodec(new ObjectMapper());

  /** A name that stands twice would be read here as the last one, by others as the first. */
  private static final ObjectReader ONCE =
      Json.MAPPER.reader().with(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY);

  /** Gemma's has 33 MB. */
  private static final long LARGEST_FILE = 64L << 20;

  private static final long LARGEST_PART = 1L << 18;
  private static final long LARGEST_ADDED = 1L << 13;

  private static final Set<String> SMALL =
      Set.of("normalizer", "pre_tokenizer", "post_processor", "decoder");

  /** The library overlooks other fields, or takes them for another kind of model. */
  private static final Set<String> WHOLE =
      Set.of(
          "version",
          "truncation",
          "padding",
          "added_tokens",
          "normalizer",
          "pre_tokenizer",
          "post_processor",
          "decoder",
          "model");

  private static final Set<String> MODEL =
      Set.of(
          "type",
          "dropout",
          "unk_token",
          "continuing_subword_prefix",
          "end_of_word_suffix",
          "fuse_unk",
          "byte_fallback",
          "ignore_merges",
          "vocab",
          "merges");

  private final Path file;

  /** {@code null} where the file is trusted. */
  private final @Nullable TokenizerTables tables;

  private final Set<String> names = new HashSet<>();
  private final Map<String, JsonNode> parts = new HashMap<>();
  private final Map<String, AddedToken> added = new HashMap<>();

  TokenizerReader(Path file, TokenizerTrust trust, int vocabularySize) {
    this.file = file;
    this.tables =
        trust == TokenizerTrust.TRUSTED ? null : new TokenizerTables(file, vocabularySize);
  }

  Map<String, JsonNode> parts() {
    return parts;
  }

  Map<String, AddedToken> added() {
    return added;
  }

  /** The file's bytes, after which parts and added tokens are there. */
  byte[] read() {
    requireSize();
    byte[] bytes = AtomicFiles.read(file);
    try (JsonParser parser = FACTORY.createParser(bytes)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw TokenizerFile.unreadable(file, "no JSON object", null);
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        field(name, parser);
      }
      return bytes;
    } catch (IOException e) {
      throw TokenizerFile.unreadable(file, e.getMessage(), e);
    }
  }

  private void requireSize() {
    try {
      require(
          Files.size(file) <= LARGEST_FILE, "expected at most " + (LARGEST_FILE >> 20) + " MiB");
    } catch (IOException e) {
      throw StorageException.of("read", file, e);
    }
  }

  private void field(String name, JsonParser parser) throws IOException {
    once(name);
    require(WHOLE.contains(name), name, "no field of this name");
    if (SMALL.contains(name)) {
      parts.put(name, value(name, LARGEST_PART, parser));
    } else if (name.equals("added_tokens") && parser.currentToken() == JsonToken.START_ARRAY) {
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        added(value(name, LARGEST_ADDED, parser));
      }
    } else if (name.equals("model") && parser.currentToken() == JsonToken.START_OBJECT) {
      parts.put(name, model(parser));
    } else {
      parser.skipChildren();
    }
  }

  /** What the model has beside its tables. */
  private JsonNode model(JsonParser parser) throws IOException {
    ObjectNode settings = Json.MAPPER.createObjectNode();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      once("model." + name);
      require(MODEL.contains(name), "model." + name, "no field of this name");
      JsonToken token = parser.nextToken();
      if (tables != null && name.equals("vocab")) {
        tables.vocabulary(parser);
      } else if (tables != null && name.equals("merges")) {
        tables.merges(parser);
        settings.put(name, true);
      } else if (token.isScalarValue()) {
        settings.set(name, value("model." + name, LARGEST_ADDED, parser));
      } else {
        require(false, "model." + name, "no list and no object");
        parser.skipChildren();
      }
    }
    return settings;
  }

  /** A value that is given up as soon as it is too large. */
  private JsonNode value(String name, long largest, JsonParser parser) throws IOException {
    try (TokenBuffer copy = new TokenBuffer(parser)) {
      long size = 0;
      int depth = 0;
      do {
        JsonToken token = parser.currentToken();
        size += 1 + parser.getTextLength();
        require(size <= largest, name, "at most " + largest + " characters");
        copy.copyCurrentEvent(parser);
        depth += token.isStructStart() ? 1 : token.isStructEnd() ? -1 : 0;
      } while (depth > 0 && parser.nextToken() != null);
      return ONCE.readTree(copy.asParser());
    }
  }

  private void once(String name) {
    if (!names.add(name)) {
      throw TokenizerFile.unreadable(file, "Duplicate field " + name, null);
    }
  }

  private void added(JsonNode node) {
    CheckpointFields fields = new CheckpointFields(file, "added_tokens.", node);
    fields.require(node.path("id").canConvertToInt(), "id", "an id");
    AddedToken token = AddedToken.of(node.path("id").asInt(), fields);
    fields.require(!token.content().isEmpty(), "content", "a text");
    fields.require(
        !token.special() || !(token.leftStrip() || token.rightStrip() || token.singleWord()),
        "content",
        "special tokens without lstrip, rstrip and single_word");
    added.put(token.content(), token);
    if (tables != null) {
      tables.added(token, added.size());
    }
  }

  private void require(boolean condition, String where, String expected) {
    require(condition, Excerpt.of(where) + ": expected " + expected);
  }

  private void require(boolean condition, String expected) {
    if (tables != null && !condition) {
      throw TokenizerFile.refused(new IllegalArgumentException(file + ": " + expected));
    }
  }
}
