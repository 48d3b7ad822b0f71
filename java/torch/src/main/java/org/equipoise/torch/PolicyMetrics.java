package org.equipoise.torch;

/**
 * Figures over the unmasked tokens of one call.
 *
 * @param clipLow fraction with ratio below 1 - epsilon low and a negative advantage
 * @param clipHigh fraction with ratio above 1 + epsilon high and a positive advantage
 * @param kl mean k3 estimate of the KL to the reference, in nats
 * @param ratio mean probability ratio to the old policy
 * @param floored fraction silenced by the floor of negative log-probs
 * @param tokens number of unmasked tokens
 */
public record PolicyMetrics(
    double clipLow, double clipHigh, double kl, double ratio, double floored, double tokens) {}
