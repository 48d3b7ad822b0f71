package org.equipoise.mbpo.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class TokenChoiceTest {
  /** Probabilities 0.1, 0.4, 0.2, 0.3 behind a row that is not looked at. */
  private static final float[] LOGITS = {
    9,
    9,
    9,
    9,
    (float) Math.log(0.1),
    (float) Math.log(0.4),
    (float) Math.log(0.2),
    (float) Math.log(0.3)
  };

  private static final TokenChoice.Place NOWHERE = new TokenChoice.Place(new int[0], new int[0], 0);

  private static int choose(GenerationOptions options, double uniform) {
    return TokenChoice.choose(LOGITS, null, 4, 4, options, uniform, NOWHERE);
  }

  /** Shares of the tokens over an even grid of random numbers. */
  private static Map<Integer, Double> shares(GenerationOptions options) {
    Map<Integer, Double> shares = new TreeMap<>();
    int draws = 10_000;
    for (int i = 0; i < draws; i++) {
      shares.merge(choose(options, (i + 0.5) / draws), 1.0 / draws, Double::sum);
    }
    return shares;
  }

  private static void assertShares(Map<Integer, Double> expected, GenerationOptions options) {
    Map<Integer, Double> found = shares(options);
    assertEquals(expected.keySet(), found.keySet());
    expected.forEach((token, share) -> assertEquals(share, found.get(token), 2e-4));
  }

  private static GenerationOptions sampling() {
    return GenerationOptions.sample(1, 7);
  }

  @Test
  void greedyTakesTheBest() {
    assertEquals(1, choose(GenerationOptions.greedy(), 0));
  }

  /** What is no number is greater than nothing, and the first token would be taken for the best. */
  @Test
  void logitsThatAreNoNumbersAreNoChoice() {
    for (float wrong : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      float[] logits = LOGITS.clone();
      logits[6] = wrong;
      float[] none = {wrong, wrong, wrong, wrong};
      for (GenerationOptions options : List.of(GenerationOptions.greedy(), sampling())) {
        assertRefused(logits, null, options);
      }
      assertRefused(LOGITS, none, GenerationOptions.greedy().withContrastAlpha(1));
    }
    float[] masked = LOGITS.clone();
    masked[5] = Float.NEGATIVE_INFINITY;
    assertEquals(3, TokenChoice.choose(masked, null, 4, 4, GenerationOptions.greedy(), 0, NOWHERE));
    GenerationOptions nothing =
        GenerationOptions.greedy().withRules(LogitRules.NONE.suppressed(List.of(0, 1, 2, 3)));
    String message =
        assertThrows(IllegalStateException.class, () -> choose(nothing, 0)).getMessage();
    assertTrue(message.contains("suppress_tokens [0, 1, 2, 3]"), message);
  }

  private static void assertRefused(float[] logits, float[] blind, GenerationOptions options) {
    float[] seen = blind == null ? logits : java.util.Arrays.copyOfRange(logits, 4, 8);
    String message =
        assertThrows(
                IllegalStateException.class,
                () ->
                    TokenChoice.choose(
                        seen, blind, blind == null ? 4 : 0, 4, options, 0.5, NOWHERE))
            .getMessage();
    assertTrue(message.contains("no numbers"), message);
  }

  @Test
  void samplesInProportion() {
    assertShares(new TreeMap<>(Map.of(0, 0.1, 1, 0.4, 2, 0.2, 3, 0.3)), sampling());
  }

  @Test
  void temperatureComesBeforeTheRest() {
    // Squared and normalised: 0.01, 0.16, 0.04, 0.09 over 0.3; the two best have 0.83 of it.
    GenerationOptions half = GenerationOptions.sample(0.5, 7);
    assertShares(
        new TreeMap<>(Map.of(0, 0.01 / 0.3, 1, 0.16 / 0.3, 2, 0.04 / 0.3, 3, 0.09 / 0.3)), half);
    assertShares(new TreeMap<>(Map.of(1, 16 / 25.0, 3, 9 / 25.0)), half.withTopP(0.83));
  }

  @Test
  void topKTakesTheBest() {
    assertShares(new TreeMap<>(Map.of(1, 4 / 7.0, 3, 3 / 7.0)), sampling().withTopK(2));
    assertShares(new TreeMap<>(Map.of(1, 1.0)), sampling().withTopK(1));
    assertEquals(shares(sampling()), shares(sampling().withTopK(100)));
  }

  @Test
  void topPTakesTheFewestThatAddUpToIt() {
    assertShares(new TreeMap<>(Map.of(1, 1.0)), sampling().withTopP(0.39));
    assertShares(new TreeMap<>(Map.of(1, 4 / 7.0, 3, 3 / 7.0)), sampling().withTopP(0.41));
    assertShares(
        new TreeMap<>(Map.of(1, 4 / 9.0, 2, 2 / 9.0, 3, 3 / 9.0)), sampling().withTopP(0.71));
    // Of the two best, 4/7 reach one half.
    assertShares(new TreeMap<>(Map.of(1, 1.0)), sampling().withTopK(2).withTopP(0.5));
  }

  @Test
  void tiesAreTakenTogether() {
    float[] even = {0, 0, 0};
    for (double uniform : new double[] {0.1, 0.5, 0.9}) {
      assertEquals(
          (int) (3 * uniform),
          TokenChoice.choose(even, null, 0, 3, sampling().withTopK(1), uniform, NOWHERE));
    }
  }

  @Test
  void optionsAreChecked() {
    assertThrows(IllegalArgumentException.class, () -> sampling().withTopK(-1));
    assertThrows(IllegalArgumentException.class, () -> sampling().withTopP(0));
    assertThrows(IllegalArgumentException.class, () -> sampling().withTopP(1.1));
  }

  /** Rules change the logits before the temperature, and what is sampled from follows them. */
  @Test
  void suppressedTokensAreNotSampledAndPenaltiesAct() {
    LogitRules rules = LogitRules.NONE.suppressed(List.of(1)).suppressedAtFirst(List.of(0));
    assertShares(Map.of(2, 0.4, 3, 0.6), sampling().withRules(rules));
    GenerationOptions ends = GenerationOptions.greedy().withRules(rules.minNewTokens(2, Set.of(3)));
    TokenChoice.Place second = new TokenChoice.Place(new int[] {1}, new int[] {2, 0}, 1);
    assertEquals(2, TokenChoice.choose(LOGITS, null, 4, 4, ends, 0, second));
    // log 0.4 is negative, so that the penalty of a token that was there multiplies it.
    GenerationOptions penalised =
        GenerationOptions.greedy().withRules(LogitRules.NONE.repetitionPenalty(2));
    assertEquals(3, TokenChoice.choose(LOGITS, null, 4, 4, penalised, 0, second));
    assertEquals("repetition_penalty 2.0", penalised.rules().toString());
    assertEquals(LogitRules.NONE, LogitRules.NONE.minLength(0, Set.of(3)).repetitionPenalty(1));
  }
}
