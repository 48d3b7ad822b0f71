package org.equipoise.mbpo.train;

import io.soabase.recordbuilder.core.RecordBuilder;

/**
 * The online half of hybrid GRPO: groups of sampled answers with verified rewards. Immutable.
 *
 * @param promptsPerIteration prompts sampled per iteration; 0 trains offline only
 * @param groupSize answers per prompt
 * @param maxGroups groups trained on per iteration, those with reward variance first
 * @param keepZeroVariance whether groups whose rewards are all equal (advantage 0, KL only) may
 *     fill up to {@code maxGroups}; otherwise they are left out
 * @param temperature of sampling
 * @param maxNewTokens length limit of an answer
 * @param ddof delta degrees of freedom of the group's standard deviation
 * @param advantageEpsilon added to the standard deviation
 * @param advantageScale factor on online advantages (not on their KL). Ours, not the paper's
 * @param weight weight of each online sequence in the loss
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
    Options.require(
        promptsPerIteration >= 0, "promptsPerIteration must not be negative", promptsPerIteration);
    Options.require(groupSize >= 2, "groupSize must be at least 2", groupSize);
    Options.require(maxGroups >= 0, "maxGroups must not be negative", maxGroups);
    Options.finite("temperature", temperature);
    Options.require(temperature > 0, "temperature must be positive", temperature);
    Options.require(maxNewTokens >= 1, "maxNewTokens must be at least 1", maxNewTokens);
    Options.require(ddof == 0 || ddof == 1, "ddof must be 0 or 1", ddof);
    Options.finite("advantageEpsilon", advantageEpsilon);
    Options.require(
        advantageEpsilon >= 0, "advantageEpsilon must not be negative", advantageEpsilon);
    Options.finite("advantageScale", advantageScale);
    Options.require(advantageScale >= 0, "advantageScale must not be negative", advantageScale);
    Options.finite("weight", weight);
    Options.require(weight >= 0, "weight must not be negative", weight);
  }

  /** 8 prompts of 8 answers at temperature 1, all with variance used, ddof 1, ε 1e-4. */
  public static OnlineOptions defaults() {
    return new OnlineOptions(8, 8, 8, false, 1, 64, 1, 1e-4, 1, 1);
  }
}
