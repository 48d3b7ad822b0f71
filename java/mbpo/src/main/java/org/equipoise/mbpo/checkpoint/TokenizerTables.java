package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * The large tables of a {@code tokenizer.json} while they are read: what the library makes of them
 * takes a hundred bytes an entry, so that their number is bounded by what a model can have.
 */
final class TokenizerTables {
  /** Gemma has 262 144; the library takes some 0.3 GB for so many. */
  private static final int MOST_TOKENS = 1 << 19;

  /** Gemma has 514 906. */
  private static final int MOST_MERGES = 1 << 20;

  private static final String AT_MOST_MERGES = "at most " + MOST_MERGES;

  /** Gemma has 6 415; the library compares each with each, 32 768 take it longer than a minute. */
  private static final int MOST_ADDED = 1 << 13;

  /** In characters; published vocabularies have 128 spaces. */
  private static final int LONGEST_TOKEN = 1024;

  private final Path file;
  private final int mostTokens;
  private final BitSet ids = new BitSet();

  /**
   * @param vocabularySize of the model: ids beyond it have no weights
   */
  TokenizerTables(Path file, int vocabularySize) {
    this.file = file;
    this.mostTokens = Math.min(vocabularySize, MOST_TOKENS);
  }

  /** Reads {@code {"token": id, ...}}. */
  void vocabulary(JsonParser parser) throws IOException {
    require(parser.currentToken() == JsonToken.START_OBJECT, "model.vocab", "an object of tokens");
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String token = parser.currentName();
      token("model.vocab", token);
      boolean whole = parser.nextToken() == JsonToken.VALUE_NUMBER_INT;
      boolean small = whole && parser.getNumberType() == JsonParser.NumberType.INT;
      int id = small ? parser.getIntValue() : -1;
      if (id < 0 || id >= mostTokens || ids.get(id)) {
        String found =
            Excerpt.of(String.valueOf(parser.getText())) + " of " + Excerpt.quoted(token);
        throw refused(
            "model.vocab",
            id < 0 || id >= mostTokens ? belowMost() + found : "each id once, not " + found);
      }
      ids.set(id);
    }
  }

  private String belowMost() {
    return "ids of 0 to below " + mostTokens + ", as the model has, not ";
  }

  /** Reads {@code ["a b", ...]} or {@code [["a", "b"], ...]}. */
  void merges(JsonParser parser) throws IOException {
    require(parser.currentToken() == JsonToken.START_ARRAY, "model.merges", "a list of pairs");
    int count = 0;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      count++;
      require(count <= MOST_MERGES, "model.merges", AT_MOST_MERGES);
      if (parser.currentToken() == JsonToken.START_ARRAY) {
        for (int i = 0; i < 2; i++) {
          parser.nextToken();
          merged(parser);
        }
        require(parser.nextToken() == JsonToken.END_ARRAY, "model.merges", "pairs");
      } else {
        merged(parser);
      }
    }
  }

  private void merged(JsonParser parser) throws IOException {
    require(parser.currentToken() == JsonToken.VALUE_STRING, "model.merges", "pairs of texts");
    token("model.merges", parser.getText());
  }

  private void token(String where, String token) {
    if (token.length() > LONGEST_TOKEN) {
      throw refused(
          where,
          "tokens of at most " + LONGEST_TOKEN + " characters, not " + Excerpt.quoted(token));
    }
  }

  /** Checks a token of {@code added_tokens}, which may have its place in the vocabulary, too. */
  void added(TokenizerFile.AddedToken token, int count) {
    require(count <= MOST_ADDED, "added_tokens", "at most " + MOST_ADDED);
    token("added_tokens", token.content());
    if (token.id() < 0 || token.id() >= mostTokens) {
      throw refused(
          "added_tokens", belowMost() + token.id() + " of " + Excerpt.quoted(token.content()));
    }
  }

  private void require(boolean condition, String where, String expected) {
    if (!condition) {
      throw refused(where, expected);
    }
  }

  private IllegalArgumentException refused(String where, String expected) {
    return TokenizerFile.refused(
        new IllegalArgumentException(file + ": " + where + ": expected " + expected));
  }
}
