package org.equipoise.mbpo.model;

import java.util.Arrays;

/**
 * Token ids of one prompt and of the answer whose log-probs are asked for. The answer includes its
 * end-of-turn token when that token is to be trained on or counted.
 */
public record TokenSequence(int[] prompt, int[] answer) {
  /** What a model reads: all but the last answer token, which is predicted only. */
  public int[] read() {
    int[] read = Arrays.copyOf(prompt, prompt.length + answer.length - 1);
    System.arraycopy(answer, 0, read, prompt.length, answer.length - 1);
    return read;
  }
}
