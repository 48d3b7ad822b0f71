package org.equipoise.mbpo.demo.scene;

import java.util.Collections;
import java.util.List;
import org.equipoise.mbpo.random.KeyedRandom;

/**
 * The random numbers of one sample in order: draw k is {@link KeyedRandom}'s number of (step 0,
 * sample, token k). Not thread-safe; make one per sample.
 */
public final class RandomCursor {
  private final KeyedRandom random;
  private final long sample;
  private long drawn;

  public RandomCursor(KeyedRandom random, long sample) {
    this.random = random;
    this.sample = sample;
  }

  /** Uniform in [0, 1). */
  public double uniform() {
    return random.uniform(0, sample, drawn++);
  }

  /** True with the given probability. */
  public boolean chance(double probability) {
    return uniform() < probability;
  }

  /** Uniform in [0, bound). */
  public int below(int bound) {
    return random.below(bound, 0, sample, drawn++);
  }

  /** 64 random bits. */
  public long bits() {
    return random.bits(0, sample, drawn++);
  }

  /** Standard normal. */
  public double gaussian() {
    return random.gaussian(0, sample, drawn++);
  }

  /** One entry of a non-empty list. */
  public <T> T pick(List<T> choices) {
    return choices.get(below(choices.size()));
  }

  /** Puts a list in random order (Fisher-Yates). */
  public void shuffle(List<?> list) {
    for (int i = list.size() - 1; i > 0; i--) {
      Collections.swap(list, i, below(i + 1));
    }
  }
}
