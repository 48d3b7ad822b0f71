package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Json;
import org.jspecify.annotations.Nullable;

/** {@code tokenizer.json}: its small parts, and a copy in which special tokens have other names. */
final class TokenizerFile {
  private static final int SHOWN = 300;
  private static final String OR_TRUST =
      "; the chat models that are known here have no such thing, and the library that reads it can"
          + " be made to end this program or to fill its memory. If you would run a program of"
          + " whoever made the file: --set model.tokenizer=TRUSTED";

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

  /**
   * Reads the file; what it holds is checked unless it is trusted.
   *
   * @param vocabularySize of the model
   */
  static TokenizerFile read(Path file, TokenizerTrust trust, int vocabularySize) {
    TokenizerReader reader = new TokenizerReader(file, trust, vocabularySize);
    byte[] bytes = reader.read();
    TokenizerFile read = new TokenizerFile(file, bytes, reader.parts(), reader.added());
    if (trust == TokenizerTrust.KNOWN) {
      TokenizerComponents.check(read);
    }
    return read;
  }

  static IllegalArgumentException unreadable(
      Path file, @Nullable String found, @Nullable Exception cause) {
    String text = String.valueOf(found);
    if (cause instanceof JsonProcessingException json) {
      text = Json.problem(json);
      text += json.getLocation() == null ? "" : " in line " + json.getLocation().getLineNr();
    }
    return new IllegalArgumentException(
        file
            + ": expected a tokenizer of Hugging Face's tokenizers, found: "
            + Excerpt.beginning(text, SHOWN),
        cause);
  }

  /** A refusal that trust would lift. */
  static IllegalArgumentException refused(IllegalArgumentException refusal) {
    return new IllegalArgumentException(refusal.getMessage() + OR_TRUST, refusal);
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

  /** The file as the library gets it, with other contents of the special tokens. */
  byte[] withSpecials(UnaryOperator<String> renamed) {
    return TokenizerCopy.of(this, bytes, name -> isSpecial(name) ? renamed.apply(name) : name);
  }

  private boolean isSpecial(String content) {
    AddedToken token = added.get(content);
    return token != null && token.special;
  }
}
