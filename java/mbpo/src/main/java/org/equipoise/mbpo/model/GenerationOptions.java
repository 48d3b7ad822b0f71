package org.equipoise.mbpo.model;

/**
 * How answers are generated. Immutable; start from {@link #greedy()} or {@link #sample(double,
 * long)}.
 *
 * @param maxNewTokens at least 1
 * @param temperature 0 is greedy (ties: lowest id)
 * @param seed key of the random numbers when sampling
 * @param contrastAlpha blind-contrast decoding: next-token scores become {@code (1+α)·logits(image)
 *     − α·logits(blind image)}; 0 is off
 * @param contrastPlausibility tokens whose probability given the image is below this share of the
 *     most probable token's are excluded when contrasting
 */
public record GenerationOptions(
    int maxNewTokens,
    double temperature,
    long seed,
    double contrastAlpha,
    double contrastPlausibility) {

  public GenerationOptions {
    require(maxNewTokens >= 1, "maxNewTokens must be at least 1, found " + maxNewTokens);
    require(
        temperature >= 0 && Double.isFinite(temperature),
        "temperature must be finite and not negative, found " + temperature);
    require(
        contrastAlpha >= 0 && Double.isFinite(contrastAlpha),
        "contrastAlpha must be finite and not negative, found " + contrastAlpha);
    require(
        contrastPlausibility >= 0 && contrastPlausibility <= 1,
        "contrastPlausibility must be in [0, 1], found " + contrastPlausibility);
  }

  public static GenerationOptions greedy() {
    return new GenerationOptions(64, 0, 0, 0, 0.1);
  }

  public static GenerationOptions sample(double temperature, long seed) {
    return new GenerationOptions(64, temperature, seed, 0, 0.1);
  }

  public GenerationOptions maxNewTokens(int tokens) {
    return new GenerationOptions(tokens, temperature, seed, contrastAlpha, contrastPlausibility);
  }

  public GenerationOptions blindContrast(double alpha) {
    return new GenerationOptions(maxNewTokens, temperature, seed, alpha, contrastPlausibility);
  }

  public GenerationOptions plausibility(double share) {
    return new GenerationOptions(maxNewTokens, temperature, seed, contrastAlpha, share);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
