package org.equipoise.mbpo.train;

import io.soabase.recordbuilder.core.RecordBuilder;

/**
 * The online half of hybrid GRPO: groups of sampled answers with verified rewards. Immutable.
 *
 * @param promptsPerIteration prompts sampled per iteration, at least 0; 0 trains offline only; 8 by
 *     default
 * @param groupSize answers per prompt, at least 2; 8 by default
 * @param maxGroups groups trained on per iteration, at least 0, those with reward variance first; 8
 *     by default
 * @param keepZeroVariance whether groups whose rewards are all equal (advantage 0, KL only) may
 *     fill up to {@code maxGroups}; otherwise, and by default, they are left out
 * @param temperature of sampling, above 0; 1 by default
 * @param maxNewTokens length limit of an answer, at least 1; 64 by default
 * @param ddof delta degrees of freedom of the group's standard deviation, 0 or 1; 1 by default
 * @param advantageEpsilon added to the standard deviation, at least 0; 1e-4 by default
 * @param advantageScale factor on online advantages (not on their KL), at least 0; 1 by default.
 *     Ours, not the paper's
 * @param weight weight of each online sequence in the loss, at least 0; 1 by default
 */
@RecordBuilder
public record OnlineOptions(
    int promptsPerIteration,
    int groupSize,
    int maxGroups,
    boolean keepZeroVariance,
    double temperature,
    int maxNewTokens,
    int ddof,
    double advantageEpsilon,
    double advantageScale,
    double weight)
    implements OnlineOptionsBuilder.With {

  public OnlineOptions {
    OptionChecks.require(
        promptsPerIteration >= 0, "promptsPerIteration must not be negative", promptsPerIteration);
    OptionChecks.require(groupSize >= 2, "groupSize must be at least 2", groupSize);
    OptionChecks.require(maxGroups >= 0, "maxGroups must not be negative", maxGroups);
    OptionChecks.finite("temperature", temperature);
    OptionChecks.require(temperature > 0, "temperature must be positive", temperature);
    OptionChecks.require(maxNewTokens >= 1, "maxNewTokens must be at least 1", maxNewTokens);
    OptionChecks.require(ddof == 0 || ddof == 1, "ddof must be 0 or 1", ddof);
    OptionChecks.finite("advantageEpsilon", advantageEpsilon);
    OptionChecks.require(
        advantageEpsilon >= 0, "advantageEpsilon must not be negative", advantageEpsilon);
    OptionChecks.finite("advantageScale", advantageScale);
    OptionChecks.require(
        advantageScale >= 0, "advantageScale must not be negative", advantageScale);
    OptionChecks.finite("weight", weight);
    OptionChecks.require(weight >= 0, "weight must not be negative", weight);
  }

  /** Every component at its default. */
  public static OnlineOptions defaults() {
    return new OnlineOptions(8, 8, 8, false, 1, 64, 1, 1e-4, 1, 1);
  }
}
