package org.equipoise.mbpo.train;

import org.equipoise.mbpo.random.KeyedRandom;

/**
 * Which items a step takes: every item once per epoch, in an order that is a pure function of
 * (seed, stage, epoch). Batches run across the end of an epoch. Not thread-safe (it remembers two
 * orders).
 */
final class BatchOrder {
  private final KeyedRandom random;
  private final int items;
  private final int batch;
  private final long[] epochs = {-1, -1};
  private final int[][] orders = new int[2][];

  BatchOrder(KeyedRandom random, int items, int batch) {
    if (items < 1) {
      throw new IllegalArgumentException("there is nothing to train on: the data set is empty");
    }
    this.random = random;
    this.items = items;
    this.batch = batch;
  }

  int[] indices(int step) {
    int[] indices = new int[batch];
    for (int i = 0; i < batch; i++) {
      long position = (long) step * batch + i;
      indices[i] = order(position / items)[(int) (position % items)];
    }
    return indices;
  }

  private int[] order(long epoch) {
    int slot = (int) (epoch % 2);
    if (epochs[slot] != epoch) {
      orders[slot] = random.permutation(items, epoch, 0);
      epochs[slot] = epoch;
    }
    return orders[slot];
  }
}
