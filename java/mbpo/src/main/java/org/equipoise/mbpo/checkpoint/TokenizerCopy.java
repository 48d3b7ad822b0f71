package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/** Writes a {@code tokenizer.json} as the native library gets it. */
final class TokenizerCopy {
  /**
   * Texts are neither filled up nor cut here, and get no tokens beyond those of the chat's format.
   */
  private static final Set<String> LEFT_OUT = Set.of("truncation", "padding", "post_processor");

  private final UnaryOperator<String> renamed;

  private TokenizerCopy(UnaryOperator<String> renamed) {
    this.renamed = renamed;
  }

  /**
   * @param bytes of the file
   * @param renamed the content that a token has in the copy
   */
  static byte[] of(TokenizerFile file, byte[] bytes, UnaryOperator<String> renamed) {
    ByteArrayOutputStream copy = new ByteArrayOutputStream(bytes.length);
    try (JsonParser from = TokenizerReader.FACTORY.createParser(bytes);
        JsonGenerator to = TokenizerReader.FACTORY.createGenerator(copy)) {
      new TokenizerCopy(renamed).copy(from, to);
    } catch (IOException e) {
      throw TokenizerFile.unreadable(file.file(), e.getMessage(), e);
    }
    return copy.toByteArray();
  }

  private void copy(JsonParser from, JsonGenerator to) throws IOException {
    from.nextToken();
    to.writeStartObject();
    while (from.nextToken() == JsonToken.FIELD_NAME) {
      String name = from.currentName();
      to.writeFieldName(name);
      from.nextToken();
      if (LEFT_OUT.contains(name)) {
        from.skipChildren();
        to.writeNull();
      } else if (name.equals("added_tokens") && from.currentToken() == JsonToken.START_ARRAY) {
        added(from, to);
      } else if (name.equals("model") && from.currentToken() == JsonToken.START_OBJECT) {
        model(from, to);
      } else {
        to.copyCurrentStructure(from);
      }
    }
    to.writeEndObject();
  }

  private void added(JsonParser from, JsonGenerator to) throws IOException {
    to.writeStartArray();
    while (from.nextToken() != JsonToken.END_ARRAY) {
      JsonNode token = from.readValueAsTree();
      to.writeStartObject();
      for (Map.Entry<String, JsonNode> field : token.properties()) {
        to.writeFieldName(field.getKey());
        if (field.getKey().equals("content")) {
          to.writeString(renamed.apply(field.getValue().asText()));
        } else {
          to.writeTree(field.getValue());
        }
      }
      to.writeEndObject();
    }
    to.writeEndArray();
  }

  /** A vocabulary may have the special tokens, too; they keep their ids by being renamed there. */
  private void model(JsonParser from, JsonGenerator to) throws IOException {
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
        to.writeFieldName(renamed.apply(from.currentName()));
        from.nextToken();
        to.copyCurrentStructure(from);
      }
      to.writeEndObject();
    }
    to.writeEndObject();
  }
}
