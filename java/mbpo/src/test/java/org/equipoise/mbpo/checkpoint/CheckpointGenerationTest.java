package org.equipoise.mbpo.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.image.ImageFiles;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.LogitRules;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.storage.Json;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** generation_config.json: what is obeyed gives transformers' tokens, what is not is said. */
class CheckpointGenerationTest {
  private static final long MAX_PIXELS = QwenImageProcessor.DEFAULT_MAX_PIXELS;

  /** Answers may part where the best two logits are closer than this, as in QwenParityTest. */
  private static final double MARGIN = 1e-3;

  @TempDir Path folder;

  private Path write(String json) throws IOException {
    Files.writeString(folder.resolve("generation_config.json"), json);
    return folder;
  }

  private CheckpointGeneration read(String json) throws IOException {
    return CheckpointGeneration.read(write(json));
  }

  @Test
  void rulesGiveTheTokensOfTransformers() throws IOException {
    JsonNode cases =
        new ObjectMapper().readTree(Files.readAllBytes(TinyCheckpoint.resource("generation.json")));
    PeftAdapter adapter = PeftAdapter.open(AdapterGoldenTest.adapter("all-linear"));
    int compared = 0;
    for (JsonNode golden : cases) {
      Path checkpoint = TinyCheckpoint.copyInto(folder.resolve("case-" + compared));
      ObjectNode config = (ObjectNode) golden.path("config");
      if (!config.has("eos_token_id")) {
        config.set("eos_token_id", Json.MAPPER.createArrayNode().add(313).add(311));
      }
      Files.writeString(checkpoint.resolve("generation_config.json"), config.toString());
      QwenCheckpoint opened = QwenCheckpoint.open(checkpoint);
      try (PointerScope scope = new PointerScope();
          QwenModel model = opened.load(adapter, ScalarType.Float, MAX_PIXELS)) {
        RgbImage image =
            model.imageProcessor().resize(ImageFiles.read(TinyCheckpoint.resource("image-0.png")));
        LogitRules rules = opened.generation().rules(model.stopTokens());
        int[] found =
            model
                .generate(
                    ImageBatch.ofImages(List.of(image)),
                    List.of(model.tokenizer().encodePrompt("is there a dog ?")),
                    null,
                    GenerationOptions.greedy().withMaxNewTokens(10).withRules(rules))
                .get(0)
                .tokens();
        JsonNode tokens = golden.path("tokens");
        boolean sure = true;
        for (int t = 0; t < tokens.size() && sure; t++) {
          sure = golden.path("margin").path(t).asDouble() >= MARGIN;
          if (sure) {
            assertTrue(t < found.length, config + " ends early");
            assertEquals(tokens.path(t).asInt(), found[t], config + " token " + t);
            compared++;
          }
        }
        assertTrue(!sure || found.length == tokens.size(), config + " goes on");
      }
    }
    assertTrue(compared > 100, compared + " tokens were compared");
  }

  @Test
  void whatIsNotObeyedIsSaidInOneSentence() throws IOException {
    GenerationOptions greedy = GenerationOptions.greedy();
    assertEquals(List.of(), read("{}").remarks(greedy));
    // As published with Qwen2-VL and Qwen2.5-VL: greedy in all but name.
    String published =
        "{\"do_sample\": true, \"temperature\": 0.01, \"top_k\": 1, \"top_p\": 0.001,"
            + " \"repetition_penalty\": 1.05, \"eos_token_id\": [2, 3], \"num_beams\": 1,"
            + " \"typical_p\": 1.0, \"transformers_version\": \"4.45.0\"}";
    assertEquals(List.of(), read(published).remarks(greedy));
    String policy = read(published).remarksOfPolicy().get(0);
    assertTrue(policy.contains("repetition_penalty 1.05") && policy.contains("mine"), policy);
    CheckpointGeneration sampled =
        read("{\"do_sample\": true, \"temperature\": 0.7, \"top_p\": 0.8, \"top_k\": 20}");
    String said = sampled.remarks(greedy).get(0);
    assertTrue(said.contains("temperature 0.7") && said.contains("greedy"), said);
    assertEquals(List.of(), sampled.remarks(GenerationOptions.sample(0.7, 0)));
    CheckpointGeneration beams = read("{\"num_beams\": 4, \"penalty_alpha\": 0.6, \"new\": 1}");
    assertEquals(
        List.of(
            folder.resolve("generation_config.json")
                + ": num_beams, penalty_alpha, new are not supported and left out"),
        beams.remarks(greedy));
    assertEquals(LogitRules.NONE, beams.rules(java.util.Set.of(1)));
  }

  @Test
  void wrongValuesNameTheField() throws IOException {
    for (String wrong :
        List.of(
            "\"repetition_penalty\": 0",
            "\"repetition_penalty\": \"much\"",
            "\"no_repeat_ngram_size\": -1",
            "\"min_new_tokens\": 1.5",
            "\"suppress_tokens\": [\"a\"]",
            "\"bad_words_ids\": [5]",
            "\"bad_words_ids\": [[]]",
            "\"eos_token_id\": \"end\"")) {
      String message =
          assertThrows(IllegalArgumentException.class, () -> read("{" + wrong + "}")).getMessage();
      assertTrue(
          message.contains("generation_config.json")
              && message.contains(wrong.substring(1, wrong.indexOf('"', 1))),
          message);
    }
  }
}
