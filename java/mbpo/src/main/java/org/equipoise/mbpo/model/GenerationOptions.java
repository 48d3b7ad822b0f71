package org.equipoise.mbpo.model;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import io.soabase.recordbuilder.core.RecordBuilder;

/**
 * How answers are generated. Immutable; start from {@link #greedy()} or {@link #sample(double,
 * long)}.
 *
 * @param maxNewTokens at least 1; 64 by default
 * @param temperature at least 0; 0 is greedy (ties: lowest id)
 * @param topK sampling takes only so many best tokens; 0, the default, takes all
 * @param topP of these, only the fewest best whose probabilities add up to this, in (0, 1]; 1, the
 *     default, takes all
 * @param seed key of the random numbers when sampling
 * @param contrastAlpha blind-contrast decoding: next-token logits become {@code (1+α)·logits(image)
 *     − α·logits(blind image)}; at least 0; 0, the default, is off
 * @param contrastPlausibility tokens whose probability given the image is below this share of the
 *     most probable token's are excluded when contrasting; in [0, 1]; 0.1 by default
 * @param rules what a checkpoint asks of the choice of tokens; none unless given, and no setting
 */
@RecordBuilder
public record GenerationOptions(
    int maxNewTokens,
    double temperature,
    int topK,
    double topP,
    long seed,
    double contrastAlpha,
    double contrastPlausibility,
    @JsonIgnore LogitRules rules)
    implements GenerationOptionsBuilder.With {

  public GenerationOptions {
    require(maxNewTokens >= 1, "maxNewTokens must be at least 1, found " + maxNewTokens);
    require(
        temperature >= 0 && Double.isFinite(temperature),
        "temperature must be finite and not negative, found " + temperature);
    require(topK >= 0, "topK must not be negative, found " + topK);
    require(topP > 0 && topP <= 1, "topP must be in (0, 1], found " + topP);
    require(
        contrastAlpha >= 0 && Double.isFinite(contrastAlpha),
        "contrastAlpha must be finite and not negative, found " + contrastAlpha);
    require(
        contrastPlausibility >= 0 && contrastPlausibility <= 1,
        "contrastPlausibility must be in [0, 1], found " + contrastPlausibility);
  }

  /** Without rules: the settings. */
  @JsonCreator
  public GenerationOptions(
      @JsonProperty("maxNewTokens") int maxNewTokens,
      @JsonProperty("temperature") double temperature,
      @JsonProperty("topK") int topK,
      @JsonProperty("topP") double topP,
      @JsonProperty("seed") long seed,
      @JsonProperty("contrastAlpha") double contrastAlpha,
      @JsonProperty("contrastPlausibility") double contrastPlausibility) {
    this(
        maxNewTokens,
        temperature,
        topK,
        topP,
        seed,
        contrastAlpha,
        contrastPlausibility,
        LogitRules.NONE);
  }

  /** At most 64 tokens, each the most probable one; no contrast. */
  public static GenerationOptions greedy() {
    return new GenerationOptions(64, 0, 0, 1, 0, 0, 0.1);
  }

  /** At most 64 tokens, drawn from all; no contrast. */
  public static GenerationOptions sample(double temperature, long seed) {
    return greedy().withTemperature(temperature).withSeed(seed);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
