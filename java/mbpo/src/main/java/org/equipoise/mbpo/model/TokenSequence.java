package org.equipoise.mbpo.model;

/**
 * Token ids of one prompt and the answer to be scored. The answer includes its end-of-turn token
 * when that token is to be trained or scored.
 */
public record TokenSequence(int[] prompt, int[] answer) {}
