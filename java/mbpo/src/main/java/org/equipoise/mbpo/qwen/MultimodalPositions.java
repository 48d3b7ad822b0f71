package org.equipoise.mbpo.qwen;

import java.util.Arrays;
import java.util.List;
import org.equipoise.mbpo.tensor.Sizes;

/**
 * Positions of one row in time, height and width (multimodal rotary positions, arXiv 2409.12191).
 * Text counts on in all three. An image that begins at position p has time p, heights p + row and
 * widths p + column of its tokens; text goes on at p plus the longer side.
 */
final class MultimodalPositions {
  private final int[][] axes;
  private final int next;

  private MultimodalPositions(int[][] axes, int next) {
    this.axes = axes;
    this.next = next;
  }

  /** Rows and columns of an image's tokens. */
  record Grid(int rows, int columns) {
    int tokens() {
      return Sizes.array("the tokens of an image", rows, columns);
    }
  }

  /**
   * @param ids a row in which each image takes as many {@code imageToken}s as it has tokens
   * @param grids of the row's images in order
   */
  static MultimodalPositions of(int[] ids, int imageToken, List<Grid> grids) {
    int[][] axes = new int[3][ids.length];
    int position = 0;
    int image = 0;
    for (int t = 0; t < ids.length; ) {
      if (ids[t] != imageToken) {
        for (int[] axis : axes) {
          axis[t] = position;
        }
        position++;
        t++;
        continue;
      }
      Grid grid = grids.get(image++);
      for (int row = 0; row < grid.rows; row++) {
        for (int column = 0; column < grid.columns; column++, t++) {
          axes[0][t] = position;
          axes[1][t] = position + row;
          axes[2][t] = position + column;
        }
      }
      position += Math.max(grid.rows, grid.columns);
    }
    return new MultimodalPositions(axes, position);
  }

  /** Positions with those of answers behind them, each of which goes on from here. */
  MultimodalPositions withAnswers(int[] lengths) {
    int[][] longer = new int[axes.length][];
    int longest = 0;
    for (int length : lengths) {
      longest = Math.max(longest, length);
    }
    for (int axis = 0; axis < axes.length; axis++) {
      longer[axis] = Arrays.copyOf(axes[axis], length() + Arrays.stream(lengths).sum());
      int at = length();
      for (int length : lengths) {
        for (int t = 0; t < length; t++) {
          longer[axis][at++] = next + t;
        }
      }
    }
    return new MultimodalPositions(longer, next + longest);
  }

  int length() {
    return axes[0].length;
  }

  /** Position on an axis of token t; tokens after the row's end count on as text. */
  int position(int axis, int t) {
    return t < length() ? axes[axis][t] : next + t - length();
  }

  @Override
  public String toString() {
    return Arrays.deepToString(axes);
  }
}
