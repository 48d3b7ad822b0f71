package org.equipoise.mbpo.train;

import java.util.ArrayList;
import java.util.List;

/** Splits a batch into consecutive parts that fit into memory. */
final class MicroBatches {
  private MicroBatches() {}

  record Part(int from, int to) {
    int size() {
      return to - from;
    }
  }

  /** Parts of at most {@code limit} of {@code size} items; limit 0 is one part. */
  static List<Part> of(int size, int limit) {
    int step = limit == 0 ? Math.max(1, size) : limit;
    List<Part> parts = new ArrayList<>();
    for (int from = 0; from < size; from += step) {
      parts.add(new Part(from, Math.min(size, from + step)));
    }
    return parts;
  }
}
