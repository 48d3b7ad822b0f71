package org.equipoise.mbpo.lora;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class BoundedPatternTest {
  private static final List<String> PATHS =
      List.of(
          "model.language_model.layers.0.self_attn.q_proj",
          "model.language_model.layers.27.mlp.gate_proj",
          "model.layers.3.self_attn.o_proj",
          "model.visual.blocks.11.attn.qkv",
          "model.visual.merger.mlp.2",
          "visual.patch_embed.proj",
          "lm_head",
          "");

  /** As they stand in adapters on the hub: ms-swift's, Unsloth's, LLaMA-Factory's and by hand. */
  private static final List<String> PUBLISHED =
      List.of(
          LoraOptions.LANGUAGE_MODEL,
          "^(model)(?!.*(lm_head|output|emb|wte|shared)).*",
          "^(model\\.language_model(?=\\.).*\\.(k_proj|q_proj|v_proj|o_proj|up_proj))$",
          "^(?!.*visual).*(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj).*",
          "(?:.*?(?:language|text).*?(?:self_attn|attention|attn|mlp|feed_forward|ffn|dense).*?"
              + "(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj).*?)|"
              + "(?:\\bmodel\\.layers\\.[\\d]{1,}\\.(?:mlp|self_attn)\\.(?:(?:q|k|v|o)_proj))",
          "^(?!.*patch_embed).*(?:gate_proj|k_proj|fc2|o_proj|v_proj|up_proj|qkv|proj).*",
          "model\\.visual\\.blocks\\.(?:[0-9]|1[01])\\.attn\\.(?:qkv|proj)",
          ".*(?<!visual)\\.layers\\.\\d+\\.[^.]+\\.[qkvo]_proj",
          "(?P<where>model|visual)\\..*\\Z",
          "");

  private static boolean java(String expression, String text) {
    return Pattern.compile(expression.replace("(?P<", "(?<")).matcher(text).matches();
  }

  @Test
  void publishedExpressionsMeanWhatTheyMeantInAnotherEngine() {
    int matches = 0;
    for (String expression : PUBLISHED) {
      BoundedPattern pattern = BoundedPattern.of(expression, "target_modules");
      for (String path : PATHS) {
        boolean expected = java(expression, path);
        assertEquals(expected, pattern.matches(path), expression + " on " + path);
        matches += expected ? 1 : 0;
      }
    }
    assertTrue(matches > 15, matches + " matches");
  }

  /** Grammar of both engines, over two letters, so that about half of the texts match. */
  private static String expression(Random random, int depth) {
    String[] ends = {"a", "b", ".", "[ab]", "[^a]", "\\w", "(?:)", "^", "$", "\\b", "c"};
    if (depth == 0) {
      return ends[random.nextInt(ends.length)];
    }
    String one = expression(random, depth - 1);
    String other = expression(random, depth - 1);
    return switch (random.nextInt(9)) {
      case 0, 1 -> one + other;
      case 2 -> "(?:" + one + "|" + other + ")";
      case 3 -> "(" + one + ")*" + other;
      case 4 -> "(?:" + one + ")+?" + other;
      case 5 -> "(?:" + one + ")?" + other;
      case 6 -> "(?:" + one + "){1,3}" + other;
      case 7 -> (random.nextBoolean() ? "(?=" : "(?!") + one + ")" + other;
      default -> one + (random.nextBoolean() ? "(?<=a)" : "(?<!b)") + other;
    };
  }

  @Test
  void drawnExpressionsMeanWhatTheyMeanInAnotherEngine() {
    Random random = new Random(7);
    List<String> texts = new ArrayList<>(List.of(""));
    for (int i = 0; i < texts.size() && texts.size() < 31; i++) {
      texts.add(texts.get(i) + "a");
      texts.add(texts.get(i) + "b");
    }
    int matches = 0;
    for (int i = 0; i < 3000; i++) {
      String expression = expression(random, 3);
      BoundedPattern pattern = BoundedPattern.of(expression, "drawn");
      for (String text : texts) {
        boolean expected = java(expression, text);
        assertEquals(expected, pattern.matches(text), expression + " on \"" + text + "\"");
        matches += expected ? 1 : 0;
      }
    }
    assertTrue(matches > 3000, matches + " matches");
  }

  /**
   * Each of these takes an engine that goes back longer than anybody waits, or its stack; the last
   * ones without a look at any character.
   */
  @Test
  void expressionsThatTryEverythingEnd() {
    String path = "model.language_model.layers.0.self_attn.q_proj".repeat(3);
    for (String expression :
        List.of(
            "(.*)*(.*)*(.*)*(.*)*!",
            "(m|mo|o|d|.)*!",
            "(?:a|b|.)*".repeat(500) + "!",
            "(a{1000}){1000}",
            "((){1000000}){1000000}!",
            "(?:|)".repeat(60) + "\\Z",
            "(?:(?:^)?)".repeat(60) + "(?!)",
            "(?:(?=(?:.*)*)){1000000}!",
            "(?<=(?:.*.*.*)*!).*")) {
      assertEquals(false, BoundedPattern.of(expression, "target_modules").matches(path));
    }
  }

  @Test
  void workOfAllExpressionsOfAFileHasAnEnd() {
    PatternWork work = new PatternWork();
    BoundedPattern pattern =
        BoundedPattern.of("(?:" + "(.*)*".repeat(1000) + ")*!", "rank_pattern", work);
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> {
                  for (int i = 0; i < 10_000; i++) {
                    pattern.matches("model.layers." + i + ".self_attn.q_proj");
                  }
                })
            .getMessage();
    assertTrue(message.startsWith("rank_pattern: matching layers takes too long"), message);
    // An excerpt of 200 characters and the sentence around it.
    assertTrue(message.length() < 400, message);
    // Nor do others of the same file begin again.
    assertThrows(IllegalArgumentException.class, () -> BoundedPattern.of("a", "b", work));
  }

  @Test
  void whatIsNoExpressionIsSaidWithItsPlace() {
    for (String[] wrong :
        new String[][] {
          {"(", "a group without an end at character 2"},
          {"a)", "an unmatched ) at character 2"},
          {"[a", "a [ without its ]"},
          {"[b-a]", "a range that goes backwards"},
          {"*a", "nothing before a repetition"},
          {"a**", "a repetition of a repetition"},
          {"a++", "a repetition of a repetition"},
          {"^*", "a repetition of a place"},
          {"a{3,2}", "a range that goes backwards"},
          {"a{2000000}", "more than 1000000 times"},
          {"(a)\\1", "\\1, which is not known here at character 5"},
          {"(?>a)", "a kind of group that is not known here"},
          {"(?i)a", "a kind of group that is not known here"},
          {"\\", "a \\ at the end"},
          {"\\Qa\\E", "\\Q, which is not known here"},
          {"(".repeat(100) + ")".repeat(100), "groups in more than 50 others"},
          {"a".repeat(200_000), "more than 100000 characters"}
        }) {
      String message =
          assertThrows(
                  IllegalArgumentException.class, () -> BoundedPattern.of(wrong[0], "file: field"))
              .getMessage();
      assertTrue(message.startsWith("file: field: expected a regular expression"), message);
      assertTrue(message.contains(wrong[1]), message);
      assertTrue(message.length() < 400, message);
    }
  }
}
