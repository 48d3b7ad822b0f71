package org.equipoise.mbpo.qwen;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.tensor.Sizes;

/**
 * In which order the vision tower holds the patches of an image, and which of them form a window.
 * Patches come block by block of {@code mergeSize²} that become one token. Without windows the
 * blocks are in reading order; with windows those of one window are neighbours, and windows of one
 * size are, so that each size is one batch of attention.
 *
 * @param rows blocks along the height
 * @param columns blocks along the width
 * @param mergeSize patches along a side of a block
 * @param blockOrder the block in reading order at each place
 * @param windows sizes in blocks and numbers of the windows, in the order of the places
 */
record VisionLayout(
    int rows, int columns, int mergeSize, long[] blockOrder, List<WindowGroup> windows) {

  /** So many windows of so many blocks. */
  record WindowGroup(int blocks, int count) {}

  /**
   * @param windowBlocks blocks along a side of a window; 0 for no windows
   */
  static VisionLayout of(int rows, int columns, int mergeSize, int windowBlocks) {
    int side = windowBlocks == 0 ? Math.max(rows, columns) : windowBlocks;
    Map<Integer, List<long[]>> bySize = new LinkedHashMap<>();
    for (int top = 0; top < rows; top += side) {
      for (int left = 0; left < columns; left += side) {
        int bottom = Math.min(rows, top + side);
        int right = Math.min(columns, left + side);
        long[] blocks = new long[(bottom - top) * (right - left)];
        int at = 0;
        for (int row = top; row < bottom; row++) {
          for (int column = left; column < right; column++) {
            blocks[at++] = (long) row * columns + column;
          }
        }
        bySize.computeIfAbsent(blocks.length, size -> new ArrayList<>()).add(blocks);
      }
    }
    long[] order = new long[Sizes.array("the blocks of an image", rows, columns)];
    List<WindowGroup> groups = new ArrayList<>();
    int at = 0;
    for (Map.Entry<Integer, List<long[]>> entry : bySize.entrySet()) {
      groups.add(new WindowGroup(entry.getKey(), entry.getValue().size()));
      for (long[] blocks : entry.getValue()) {
        System.arraycopy(blocks, 0, order, at, blocks.length);
        at += blocks.length;
      }
    }
    return new VisionLayout(rows, columns, mergeSize, order, List.copyOf(groups));
  }

  /** The place of each block in reading order. */
  long[] places() {
    long[] places = new long[blockOrder.length];
    for (int place = 0; place < places.length; place++) {
      places[(int) blockOrder[place]] = place;
    }
    return places;
  }

  int blocks() {
    return blockOrder.length;
  }

  int patches() {
    return Sizes.array("the patches of an image", blockOrder.length, mergeSize, mergeSize);
  }

  /**
   * Angles of the two-dimensional rotary embedding, patch by patch in the tower's order: the
   * frequencies times the row, then times the column.
   *
   * @return [patches, 2 · frequencies]
   */
  float[] angles(float[] frequencies) {
    float[] angles =
        new float[Sizes.array("the angles of an image", patches(), 2, frequencies.length)];
    int at = 0;
    for (long block : blockOrder) {
      int top = (int) (block / columns) * mergeSize;
      int left = (int) (block % columns) * mergeSize;
      for (int row = top; row < top + mergeSize; row++) {
        for (int column = left; column < left + mergeSize; column++) {
          for (float frequency : frequencies) {
            angles[at++] = row * frequency;
          }
          for (float frequency : frequencies) {
            angles[at++] = column * frequency;
          }
        }
      }
    }
    return angles;
  }
}
