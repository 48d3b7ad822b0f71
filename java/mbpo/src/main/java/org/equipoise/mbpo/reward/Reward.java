package org.equipoise.mbpo.reward;

/**
 * @param correct whether the answer is right (and well formed)
 * @param wellFormed whether it has the form the question asks for
 * @param total the reward
 */
public record Reward(boolean correct, boolean wellFormed, double total) {}
