package org.equipoise.mbpo.random;

import java.nio.charset.StandardCharsets;

/**
 * Random numbers as a pure function of (seed, stage, step, sample, token): resuming a run needs no
 * generator state, and no number depends on batch composition or on the order of work.
 *
 * <p>Philox4x32-10 (Random123, SC'11): key = mix(seed, stage), counter = (token, step, sample low,
 * sample high). One counter gives 128 bits; {@link #bits} and {@link #uniform} use the first 64,
 * {@link #gaussian} all of them. Immutable and thread-safe.
 */
public final class KeyedRandom {
  private static final int MULTIPLIER_0 = 0xD2511F53;
  private static final int MULTIPLIER_1 = 0xCD9E8D57;
  private static final int WEYL_0 = 0x9E3779B9;
  private static final int WEYL_1 = 0xBB67AE85;

  private final long key;

  private KeyedRandom(long key) {
    this.key = key;
  }

  /** The random numbers of one named stage under one seed. */
  public static KeyedRandom of(long seed, String stage) {
    return new KeyedRandom(mix(seed ^ mix(id(stage))));
  }

  /**
   * A stable 64-bit number for a name (FNV-1a, finished by SplitMix64), for example a sample's id.
   */
  public static long id(String name) {
    long hash = 0xcbf29ce484222325L;
    for (byte b : name.getBytes(StandardCharsets.UTF_8)) {
      hash = (hash ^ (b & 0xff)) * 0x100000001b3L;
    }
    return mix(hash);
  }

  /** The numbers of a part of this stage, independent of this object's own. */
  public KeyedRandom stage(String part) {
    return new KeyedRandom(mix(key ^ mix(id(part) + 0x9E3779B97F4A7C15L)));
  }

  /** 64 random bits. */
  public long bits(long step, long sample, long token) {
    int[] block = block(step, sample, token);
    return ((long) block[1] << 32) | (block[0] & 0xffffffffL);
  }

  /** Uniform in [0, 1), 53 bits. */
  public double uniform(long step, long sample, long token) {
    return (bits(step, sample, token) >>> 11) * 0x1p-53;
  }

  /** Uniform in [0, bound), unbiased to 2^-53. */
  public int below(int bound, long step, long sample, long token) {
    if (bound < 1) {
      throw new IllegalArgumentException("bound must be at least 1, found " + bound);
    }
    return (int) Math.min(bound - 1, (long) (uniform(step, sample, token) * bound));
  }

  /** Standard normal (Box-Muller). */
  public double gaussian(long step, long sample, long token) {
    int[] block = block(step, sample, token);
    long high = ((long) block[1] << 32) | (block[0] & 0xffffffffL);
    long low = ((long) block[3] << 32) | (block[2] & 0xffffffffL);
    double radius = Math.sqrt(-2 * StrictMath.log(((high >>> 11) + 1) * 0x1p-53));
    return radius * StrictMath.cos(2 * Math.PI * ((low >>> 11) * 0x1p-53));
  }

  /** A random order of 0..n-1 (Fisher-Yates). */
  public int[] permutation(int n, long step, long sample) {
    int[] order = new int[n];
    for (int i = 0; i < n; i++) {
      order[i] = i;
    }
    for (int i = n - 1; i > 0; i--) {
      int j = below(i + 1, step, sample, i);
      int swapped = order[i];
      order[i] = order[j];
      order[j] = swapped;
    }
    return order;
  }

  private int[] block(long step, long sample, long token) {
    if (step >>> 32 != 0 || token >>> 32 != 0) {
      throw new IllegalArgumentException(
          "step and token must be in [0, 2^32), found step " + step + ", token " + token);
    }
    int[] counter = {(int) token, (int) step, (int) sample, (int) (sample >>> 32)};
    return philox(counter, (int) key, (int) (key >>> 32));
  }

  /** Philox4x32-10. Package-private for the known-answer test. */
  static int[] philox(int[] counter, int key0, int key1) {
    int c0 = counter[0];
    int c1 = counter[1];
    int c2 = counter[2];
    int c3 = counter[3];
    for (int round = 0; round < 10; round++) {
      long product0 = (MULTIPLIER_0 & 0xffffffffL) * (c0 & 0xffffffffL);
      long product1 = (MULTIPLIER_1 & 0xffffffffL) * (c2 & 0xffffffffL);
      int next0 = (int) (product1 >>> 32) ^ c1 ^ key0;
      int next2 = (int) (product0 >>> 32) ^ c3 ^ key1;
      c1 = (int) product1;
      c3 = (int) product0;
      c0 = next0;
      c2 = next2;
      key0 += WEYL_0;
      key1 += WEYL_1;
    }
    return new int[] {c0, c1, c2, c3};
  }

  private static long mix(long z) {
    z += 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
