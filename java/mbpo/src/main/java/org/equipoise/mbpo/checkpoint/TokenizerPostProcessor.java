package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Set;
import org.equipoise.mbpo.storage.Json;

/**
 * What is put around the tokens of a text. Chats have all of their special tokens from their
 * format, so that this part of a file is left out; it must be one that would leave the text's own
 * tokens as they are.
 */
final class TokenizerPostProcessor {
  private static final Set<String> AROUND =
      Set.of("ByteLevel", "BertProcessing", "RobertaProcessing");

  private TokenizerPostProcessor() {}

  static void check(TokenizerFile tokenizer) {
    JsonNode part = tokenizer.part("post_processor");
    boolean sequence = part.path("type").asText().equals("Sequence");
    for (JsonNode one : sequence ? part.path("processors") : List.of(part)) {
      boolean same =
          one.isMissingNode()
              || one.isNull()
              || AROUND.contains(one.path("type").asText())
              || one.path("type").asText().equals("TemplateProcessing")
                  && isTextOnce(one.path("single"));
      CheckpointFields whole =
          new CheckpointFields(
              tokenizer.file(), "", Json.MAPPER.createObjectNode().set("post_processor", one));
      whole.require(
          same,
          "post_processor",
          "one that puts special tokens around the tokens of a text and changes none");
    }
  }

  private static boolean isTextOnce(JsonNode template) {
    int texts = 0;
    for (JsonNode piece : template) {
      if (!piece.has("SpecialToken")) {
        texts += piece.path("Sequence").path("id").asText().equals("A") ? 1 : 2;
      }
    }
    return texts == 1;
  }
}
