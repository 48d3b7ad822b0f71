package org.equipoise.torch;

/**
 * Keys of random draws that depend on nothing but numbers: splitmix64 (Steele, Lea, Flood 2014).
 */
final class Keys {
  private Keys() {}

  static long mix(long key, long number) {
    long z = key + 0x9e3779b97f4a7c15L * (number + 1);
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  /** Uniform in [0, 1). */
  static double uniform(long key, long number) {
    return (mix(mix(key, number), 3) >>> 11) * 0x1p-53;
  }
}
