package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;
import org.jspecify.annotations.Nullable;

/** {@code tokenizer.json}: its small parts, and a copy in which special tokens have other names. */
final class TokenizerFile {
  /** Vocabularies have 150 000 names that nobody asks for twice. */
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .build()
          .setCodec(new ObjectMapper());

  private static final int SHOWN = 300;
  private static final Set<String> SMALL =
      Set.of("added_tokens", "normalizer", "pre_tokenizer", "decoder");

  /** A token that is found in texts before everything else. */
  record AddedToken(
      int id,
      String content,
      boolean special,
      boolean leftStrip,
      boolean rightStrip,
      boolean singleWord) {
    static AddedToken of(int id, CheckpointFields token) {
      return new AddedToken(
          id,
          token.text("content", ""),
          token.flag("special", false),
          token.flag("lstrip", false),
          token.flag("rstrip", false),
          token.flag("single_word", false));
    }
  }

  /** Twice that of a vocabulary of 262144 tokens. */
  private static final int MOST_BYTES = 1 << 26;

  private final Path file;
  private final byte[] bytes;
  private final Map<String, JsonNode> parts;
  private final Map<String, AddedToken> added;

  private TokenizerFile(
      Path file, byte[] bytes, Map<String, JsonNode> parts, Map<String, AddedToken> added) {
    this.file = file;
    this.bytes = bytes;
    this.parts = parts;
    this.added = added;
  }

  static TokenizerFile read(Path file) {
    byte[] bytes = AtomicFiles.read(file, MOST_BYTES);
    try (JsonParser parser = FACTORY.createParser(bytes)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw unreadable(file, "no JSON object", null);
      }
      Map<String, JsonNode> parts = new HashMap<>();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        if (SMALL.contains(name)) {
          parts.put(name, parser.readValueAsTree());
        } else if (name.equals("model") && parser.currentToken() == JsonToken.START_OBJECT) {
          parts.put(name, settings(parser));
        } else {
          parser.skipChildren();
        }
      }
      return new TokenizerFile(file, bytes, parts, addedTokens(file, parts));
    } catch (IOException e) {
      throw unreadable(file, e.getMessage(), e);
    }
  }

  /** What an object holds beside its lists and tables. */
  private static JsonNode settings(JsonParser parser) throws IOException {
    ObjectNode settings = Json.MAPPER.createObjectNode();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      if (parser.nextToken().isScalarValue()) {
        settings.set(name, parser.readValueAsTree());
      } else {
        parser.skipChildren();
      }
    }
    return settings;
  }

  private static Map<String, AddedToken> addedTokens(Path file, Map<String, JsonNode> parts) {
    Map<String, AddedToken> added = new HashMap<>();
    for (JsonNode node : parts.getOrDefault("added_tokens", Json.MAPPER.createArrayNode())) {
      CheckpointFields fields = new CheckpointFields(file, "added_tokens.", node);
      fields.require(node.path("id").canConvertToInt(), "id", "an id");
      AddedToken token = AddedToken.of(node.path("id").asInt(), fields);
      fields.require(!token.content.isEmpty(), "content", "a text");
      fields.require(
          !token.special || !(token.leftStrip || token.rightStrip || token.singleWord),
          "content",
          "special tokens without lstrip, rstrip and single_word");
      added.put(token.content, token);
    }
    return added;
  }

  static IllegalArgumentException unreadable(
      Path file, @Nullable String found, @Nullable Exception cause) {
    String text =
        cause instanceof JsonProcessingException json
            ? json.getOriginalMessage() + " in line " + json.getLocation().getLineNr()
            : String.valueOf(found);
    return new IllegalArgumentException(
        file
            + ": expected a tokenizer of Hugging Face's tokenizers, found: "
            + text.substring(0, Math.min(SHOWN, text.length())),
        cause);
  }

  Path file() {
    return file;
  }

  /** Added tokens by their content. */
  Map<String, AddedToken> added() {
    return added;
  }

  /** A small part by its name; missing where the file has none. */
  JsonNode part(String name) {
    return parts.getOrDefault(name, Json.MAPPER.missingNode());
  }

  List<AddedToken> special() {
    List<AddedToken> special = new ArrayList<>();
    added.values().stream().filter(AddedToken::special).forEach(special::add);
    return special;
  }

  /** The file with other contents of the special tokens; everything else as it is. */
  byte[] withSpecials(UnaryOperator<String> renamed) {
    ByteArrayOutputStream copy = new ByteArrayOutputStream(bytes.length);
    try (JsonParser from = FACTORY.createParser(bytes);
        JsonGenerator to = FACTORY.createGenerator(copy)) {
      from.nextToken();
      to.writeStartObject();
      while (from.nextToken() == JsonToken.FIELD_NAME) {
        String name = from.currentName();
        to.writeFieldName(name);
        from.nextToken();
        if (name.equals("added_tokens")) {
          copyAdded(from.readValueAsTree(), to, renamed);
        } else if (name.equals("model") && from.currentToken() == JsonToken.START_OBJECT) {
          copyModel(from, to, renamed);
        } else {
          to.copyCurrentStructure(from);
        }
      }
      to.writeEndObject();
    } catch (IOException e) {
      throw unreadable(file, e.getMessage(), e);
    }
    return copy.toByteArray();
  }

  private void copyAdded(JsonNode tokens, JsonGenerator to, UnaryOperator<String> renamed)
      throws IOException {
    to.writeStartArray();
    for (JsonNode token : tokens) {
      to.writeStartObject();
      for (Map.Entry<String, JsonNode> field : token.properties()) {
        to.writeFieldName(field.getKey());
        String text = field.getValue().asText();
        if (field.getKey().equals("content") && isSpecial(text)) {
          to.writeString(renamed.apply(text));
        } else {
          to.writeTree(field.getValue());
        }
      }
      to.writeEndObject();
    }
    to.writeEndArray();
  }

  /** A vocabulary may have the special tokens, too; they keep their ids by being renamed there. */
  private void copyModel(JsonParser from, JsonGenerator to, UnaryOperator<String> renamed)
      throws IOException {
    to.writeStartObject();
    while (from.nextToken() == JsonToken.FIELD_NAME) {
      String name = from.currentName();
      to.writeFieldName(name);
      if (from.nextToken() != JsonToken.START_OBJECT || !name.equals("vocab")) {
        to.copyCurrentStructure(from);
        continue;
      }
      to.writeStartObject();
      while (from.nextToken() == JsonToken.FIELD_NAME) {
        String token = from.currentName();
        to.writeFieldName(isSpecial(token) ? renamed.apply(token) : token);
        from.nextToken();
        to.copyCurrentStructure(from);
      }
      to.writeEndObject();
    }
    to.writeEndObject();
  }

  private boolean isSpecial(String content) {
    AddedToken token = added.get(content);
    return token != null && token.special;
  }
}
