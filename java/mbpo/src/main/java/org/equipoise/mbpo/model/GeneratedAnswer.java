package org.equipoise.mbpo.model;

/**
 * One generated answer.
 *
 * @param tokens ids including the end token when one was produced
 * @param text decoded text without the end token
 * @param finished whether the end token was produced before the limit
 */
public record GeneratedAnswer(int[] tokens, String text, boolean finished) {}
