package org.equipoise.mbpo.demo.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.tensor.HostTensors;

/**
 * Where the tokens of a right-padded batch stand and which positions predict answer tokens. Two
 * sequences with the same image and prompt, such as a chosen and a rejected answer, share a row:
 * [image][prompt][first answer][second answer], where the second answer has the text positions that
 * it would have alone and does not see the first.
 */
final class PackedLayout {
  private static final int ANSWERS_PER_ROW = 2;
  private static final float MASKED = -1e9f;

  private final List<Row> rows = new ArrayList<>();
  private final int prefix;

  /** Text tokens of the longest row. */
  private int textLength;

  /** Predicting positions of the row with most of them. */
  private int queries;

  /** Flat index [row · queries + query] of every answer token, sequence by sequence. */
  private final long[] packed;

  /**
   * A sequence in its row.
   *
   * @param text the row's text position of its first answer token
   * @param query the row's query that predicts it
   */
  private record Placed(TokenSequence sequence, int text, int query) {}

  private record RowKey(long image, List<Integer> prompt) {}

  private static final class Row {
    final long image;
    final int[] prompt;
    final List<Placed> placed = new ArrayList<>();
    int textLength;
    int queries;

    Row(long image, int[] prompt) {
      this.image = image;
      this.prompt = prompt;
      this.textLength = prompt.length;
    }

    Placed place(TokenSequence sequence) {
      Placed here = new Placed(sequence, textLength, queries);
      placed.add(here);
      // The last answer token is predicted but predicts nothing.
      textLength += sequence.answer().length - 1;
      queries += sequence.answer().length;
      return here;
    }
  }

  /**
   * @param images which image belongs to each sequence
   * @param prefix image tokens before the text
   */
  PackedLayout(List<TokenSequence> sequences, long[] images, int prefix) {
    this.prefix = prefix;
    Map<RowKey, Integer> open = new HashMap<>();
    int[] rowOf = new int[sequences.size()];
    Placed[] placedOf = new Placed[sequences.size()];
    int tokens = 0;
    for (int i = 0; i < sequences.size(); i++) {
      TokenSequence sequence = checked(sequences.get(i));
      RowKey key = new RowKey(images[i], Arrays.stream(sequence.prompt()).boxed().toList());
      Integer row = open.get(key);
      if (row == null || rows.get(row).placed.size() == ANSWERS_PER_ROW) {
        row = rows.size();
        open.put(key, row);
        rows.add(new Row(images[i], sequence.prompt()));
      }
      rowOf[i] = row;
      placedOf[i] = rows.get(row).place(sequence);
      tokens += sequence.answer().length;
    }
    for (Row row : rows) {
      textLength = Math.max(textLength, row.textLength);
      queries = Math.max(queries, row.queries);
    }
    packed = new long[tokens];
    int at = 0;
    for (int i = 0; i < sequences.size(); i++) {
      for (int t = 0; t < sequences.get(i).answer().length; t++) {
        packed[at++] = (long) rowOf[i] * queries + placedOf[i].query + t;
      }
    }
  }

  private static TokenSequence checked(TokenSequence sequence) {
    if (sequence.prompt().length < 1 || sequence.answer().length < 1) {
      throw new IllegalArgumentException("prompt and answer need at least one token each");
    }
    int length = sequence.prompt().length + sequence.answer().length;
    if (length > SmallModelParameters.MAX_TEXT + 1) {
      throw new IllegalArgumentException(
          "prompt and answer may have "
              + (SmallModelParameters.MAX_TEXT + 1)
              + " tokens together, found "
              + length);
    }
    return sequence;
  }

  /** The image of each row. */
  long[] images() {
    return rows.stream().mapToLong(row -> row.image).toArray();
  }

  /** Token ids [rows, text length]. */
  Tensor ids() {
    long[] ids = new long[rows.size() * textLength];
    for (int r = 0; r < rows.size(); r++) {
      Row row = rows.get(r);
      int start = r * textLength;
      copy(row.prompt, row.prompt.length, ids, start);
      for (Placed placed : row.placed) {
        int[] answer = placed.sequence.answer();
        copy(answer, answer.length - 1, ids, start + placed.text);
      }
    }
    return HostTensors.longs(ids, rows.size(), textLength);
  }

  private static void copy(int[] tokens, int count, long[] ids, int to) {
    for (int t = 0; t < count; t++) {
      ids[to + t] = tokens[t];
    }
  }

  /** Text positions [rows, text length], which begin anew after the prompt for each answer. */
  Tensor textPositions() {
    long[] positions = new long[rows.size() * textLength];
    for (int r = 0; r < rows.size(); r++) {
      Row row = rows.get(r);
      int start = r * textLength;
      for (int t = 0; t < row.prompt.length; t++) {
        positions[start + t] = t;
      }
      for (Placed placed : row.placed) {
        for (int t = 0; t < placed.sequence.answer().length - 1; t++) {
          positions[start + placed.text + t] = row.prompt.length + t;
        }
      }
    }
    return HostTensors.longs(positions, rows.size(), textLength);
  }

  /** Whether some row has more than one answer; where none has, causal attention suffices. */
  boolean shared() {
    return rows.stream().anyMatch(row -> row.placed.size() > 1);
  }

  /** Additive attention mask [rows, 1, positions, positions] of all positions. */
  Tensor mask() {
    int positions = prefix + textLength;
    float[] mask = new float[rows.size() * positions * positions];
    for (int r = 0; r < rows.size(); r++) {
      Row row = rows.get(r);
      int from = r * positions * positions;
      for (int p = 0; p < positions; p++) {
        hideLater(mask, from + p * positions, positions, p);
      }
      for (Placed placed : row.placed) {
        for (int t = 0; t < placed.sequence.answer().length - 1; t++) {
          hideEarlierAnswers(mask, from + (prefix + placed.text + t) * positions, row, placed);
        }
      }
    }
    return HostTensors.floats(mask, rows.size(), 1, positions, positions);
  }

  /** Flat position [rows · positions] of every query; padded rows repeat their first. */
  Tensor queryPositions() {
    int positions = prefix + textLength;
    long[] at = new long[rows.size() * queries];
    for (int r = 0; r < rows.size(); r++) {
      Row row = rows.get(r);
      Arrays.fill(at, r * queries, (r + 1) * queries, (long) r * positions + lastOfPrompt(row));
      for (Placed placed : row.placed) {
        for (int t = 1; t < placed.sequence.answer().length; t++) {
          at[r * queries + placed.query + t] = (long) r * positions + position(placed, t);
        }
      }
    }
    return HostTensors.longs(at, at.length);
  }

  /** Additive attention mask [rows, 1, queries, positions] of the predicting positions. */
  Tensor queryMask() {
    int positions = prefix + textLength;
    float[] mask = new float[rows.size() * queries * positions];
    for (int r = 0; r < rows.size(); r++) {
      Row row = rows.get(r);
      for (int q = 0; q < queries; q++) {
        hideLater(mask, (r * queries + q) * positions, positions, lastOfPrompt(row));
      }
      for (Placed placed : row.placed) {
        for (int t = 1; t < placed.sequence.answer().length; t++) {
          int from = (r * queries + placed.query + t) * positions;
          Arrays.fill(mask, from, from + positions, 0);
          hideLater(mask, from, positions, position(placed, t));
          hideEarlierAnswers(mask, from, row, placed);
        }
      }
    }
    return HostTensors.floats(mask, rows.size(), 1, queries, positions);
  }

  /** Which of the flat queries predict the answer tokens, sequence by sequence. */
  Tensor packedQueries() {
    return HostTensors.longs(packed, packed.length);
  }

  private int lastOfPrompt(Row row) {
    return prefix + row.prompt.length - 1;
  }

  /** Where the answer's token {@code t - 1} is read, which predicts token {@code t}. */
  private int position(Placed placed, int t) {
    return prefix + placed.text + t - 1;
  }

  private static void hideLater(float[] mask, int from, int positions, int position) {
    Arrays.fill(mask, from + position + 1, from + positions, MASKED);
  }

  private void hideEarlierAnswers(float[] mask, int from, Row row, Placed placed) {
    Arrays.fill(mask, from + prefix + row.prompt.length, from + prefix + placed.text, MASKED);
  }
}
