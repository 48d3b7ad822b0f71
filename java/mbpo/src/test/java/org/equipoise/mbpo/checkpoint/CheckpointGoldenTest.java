package org.equipoise.mbpo.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.StreamSupport;
import org.equipoise.mbpo.image.ImageFiles;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.Prompt;
import org.junit.jupiter.api.Test;

/** Token ids and resized images equal to transformers 5.17's and Pillow's. */
class CheckpointGoldenTest {
  private static final int MULTIPLE = 28;

  private static JsonNode json(String name) throws IOException {
    return new ObjectMapper().readTree(Files.readAllBytes(TinyCheckpoint.resource(name)));
  }

  private static int[] ids(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false).mapToInt(JsonNode::asInt).toArray();
  }

  @Test
  void promptsOfTextsOneAndSeveralImages() throws IOException {
    QwenTokenizer tokenizer = QwenTokenizer.read(TinyCheckpoint.folder(), 320);
    JsonNode prompts = json("prompts.json").get("prompts");
    assertEquals(6, prompts.size());
    for (JsonNode prompt : prompts) {
      String question = prompt.get("question").asText();
      int images = prompt.get("images").asInt();
      assertArrayEquals(ids(prompt.get("ids")), tokenizer.encodePrompt(images, question), question);
      if (images < 2) {
        assertArrayEquals(
            ids(prompt.get("ids")),
            images == 1 ? tokenizer.encodePrompt(question) : tokenizer.encodeTextPrompt(question));
      }
    }
  }

  /** Written by turns_golden.py; parts of the messages are the pieces of a turn. */
  @Test
  void conversationsWithImagesAnywhere() throws IOException {
    QwenTokenizer tokenizer = QwenTokenizer.read(TinyCheckpoint.folder(), 320);
    JsonNode conversations = json("turns.json");
    assertEquals(4, conversations.size());
    for (JsonNode conversation : conversations) {
      List<Prompt.Turn> turns = new ArrayList<>();
      for (JsonNode message : conversation.get("messages")) {
        List<String> pieces = new ArrayList<>(List.of(""));
        for (JsonNode part : message.get("content")) {
          if (part.get("type").asText().equals("image")) {
            pieces.add("");
          } else {
            pieces.set(pieces.size() - 1, part.get("text").asText());
          }
        }
        String role = message.get("role").asText().toUpperCase(Locale.ROOT);
        turns.add(new Prompt.Turn(Prompt.Role.valueOf(role), pieces));
      }
      assertArrayEquals(
          ids(conversation.get("ids")),
          tokenizer.encodePrompt(new Prompt(turns)),
          conversation.get("messages").toString());
    }
  }

  @Test
  void theTokenizerNeitherReportsNorFetches() {
    QwenTokenizer.read(TinyCheckpoint.folder(), 320);
    assertEquals("true", System.getProperty("OPT_OUT_TRACKING"));
    assertTrue(ai.djl.util.Utils.isOfflineMode());
  }

  @Test
  void answersThereAndBack() throws IOException {
    QwenTokenizer tokenizer = QwenTokenizer.read(TinyCheckpoint.folder(), 320);
    for (JsonNode answer : json("prompts.json").get("answers")) {
      int[] ids = ids(answer.get("ids"));
      assertArrayEquals(ids, tokenizer.encodeAnswer(answer.get("text").asText()));
      assertEquals(answer.get("text").asText(), tokenizer.decodeAnswer(ids));
    }
  }

  @Test
  void sizes() throws IOException {
    for (JsonNode row : json("sizes.json")) {
      int[] n = ids(row);
      QwenImageProcessor processor = QwenImageProcessor.of(MULTIPLE, n[2], n[3]);
      assertEquals(
          new QwenImageProcessor.Size(n[4], n[5]), processor.sizeFor(n[0], n[1]), row.toString());
    }
  }

  @Test
  void resizedImagesHavePillowsBits() {
    QwenImageProcessor processor =
        QwenCheckpoint.open(TinyCheckpoint.folder()).processor(Integer.MAX_VALUE);
    for (int i = 0; i < 4; i++) {
      RgbImage source = ImageFiles.read(TinyCheckpoint.resource("image-" + i + ".png"));
      RgbImage expected = ImageFiles.read(TinyCheckpoint.resource("image-" + i + "-resized.png"));
      RgbImage found = processor.resize(source);
      assertEquals(expected.width(), found.width());
      assertEquals(expected.height(), found.height());
      assertArrayEquals(expected.planes(), found.planes(), "image " + i);
    }
  }
}
