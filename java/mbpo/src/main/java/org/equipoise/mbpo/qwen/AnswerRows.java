package org.equipoise.mbpo.qwen;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.mbpo.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/**
 * Sequences as rows [prompt][answer][answer]...: those with the same prompt and images, such as a
 * chosen and a rejected answer or a group of samples, share one row, in which the prompt is
 * computed once. An answer has the positions that it would have alone, sees the prompt and itself,
 * and not the others.
 */
final class AnswerRows {
  private final QwenRows rows;
  private final List<Row> layout;

  /** Flat index of the state that predicts each answer token, sequence by sequence. */
  private final long[] places;

  private final @Nullable Tensor[] masks;
  private final Tensor device;

  /** A prompt's row: where each answer's read tokens begin and end. */
  private static final class Row {
    final int prompt;
    final int promptLength;
    final List<int[]> answers = new ArrayList<>();
    final List<Integer> begins = new ArrayList<>();
    int length;

    Row(int prompt, int promptLength) {
      this.prompt = prompt;
      this.promptLength = promptLength;
      this.length = promptLength;
    }

    /**
     * @param read all tokens of an answer but the last, which is predicted only
     * @return where they begin
     */
    int add(int[] read) {
      int begin = length;
      answers.add(read);
      begins.add(begin);
      length += read.length;
      return begin;
    }

    boolean shared() {
      return answers.size() > 1;
    }
  }

  /**
   * @param images those of the prompts' placeholders in order, sequence after sequence
   * @param device a tensor on the model's device
   */
  AnswerRows(
      QwenConfig config,
      @Nullable ImageBatch images,
      List<TokenSequence> sequences,
      Tensor device) {
    this.device = device;
    QwenRows prompts =
        QwenRows.of(config, images, sequences.stream().map(TokenSequence::prompt).toList());
    Map<Object, Integer> rowOf = new LinkedHashMap<>();
    layout = new ArrayList<>();
    int[] row = new int[sequences.size()];
    int[] begin = new int[sequences.size()];
    for (int i = 0; i < row.length; i++) {
      Integer known = rowOf.putIfAbsent(prompts.key(i), layout.size());
      row[i] = known == null ? layout.size() : known;
      if (known == null) {
        layout.add(new Row(i, prompts.length(i)));
      }
      int[] answer = sequences.get(i).answer();
      begin[i] = layout.get(row[i]).add(Arrays.copyOf(answer, answer.length - 1));
    }
    rows =
        prompts
            .subset(layout.stream().map(r -> r.prompt).toList())
            .withAnswers(layout.stream().map(r -> r.answers).toList());
    places = new long[sequences.stream().mapToInt(s -> s.answer().length).sum()];
    int at = 0;
    for (int i = 0; i < row.length; i++) {
      long start = (long) row[i] * rows.longest();
      places[at++] = start + layout.get(row[i]).promptLength - 1;
      for (int t = 1; t < sequences.get(i).answer().length; t++) {
        places[at++] = start + begin[i] + t - 1;
      }
    }
    masks = new Tensor[layout.size()];
    for (int r = 0; r < masks.length; r++) {
      Row own = layout.get(r);
      masks[r] =
          own.shared() && own.length > own.promptLength
              ? HostTensors.onDeviceOf(device, visible(own))
              : null;
    }
  }

  /** What the answers' tokens see of their row: boolean [1, 1, their number, row length]. */
  private static Tensor visible(Row row) {
    byte[] seen =
        new byte
            [Sizes.array(
                "what answers see of their row", row.length - row.promptLength, row.length)];
    for (int a = 0; a < row.answers.size(); a++) {
      int begin = row.begins.get(a);
      for (int t = begin; t < begin + row.answers.get(a).length; t++) {
        int from = (t - row.promptLength) * row.length;
        Arrays.fill(seen, from, from + row.promptLength, (byte) 1);
        Arrays.fill(seen, from + begin, from + t + 1, (byte) 1);
      }
    }
    return HostTensors.booleans(seen, 1, 1, row.length - row.promptLength, row.length);
  }

  QwenRows rows() {
    return rows;
  }

  /** int64 [answer tokens]: the flat places of the states that predict them. */
  Tensor places() {
    return HostTensors.onDeviceOf(device, HostTensors.longs(places, places.length));
  }

  /**
   * Attention within the rows.
   *
   * @param query [rows, heads, positions, head width], key and value alike
   */
  Tensor attend(Tensor query, Tensor key, Tensor value) {
    if (layout.stream().noneMatch(Row::shared)) {
      return Attention.causal(query, key, value);
    }
    Tensor[] mixed = new Tensor[layout.size()];
    for (int r = 0; r < mixed.length; r++) {
      mixed[r] = attend(r, query.narrow(0, r, 1), key.narrow(0, r, 1), value.narrow(0, r, 1));
    }
    return torch.cat(new TensorVector(mixed), 0);
  }

  /** The prompt is causal; the answers, far fewer tokens, have a mask. */
  private Tensor attend(int r, Tensor query, Tensor key, Tensor value) {
    Row row = layout.get(r);
    if (masks[r] == null) {
      return Attention.causal(query, key, value);
    }
    long answers = row.length - row.promptLength;
    long padding = query.size(2) - row.length;
    Tensor prompt =
        Attention.causal(
            query.narrow(2, 0, row.promptLength),
            key.narrow(2, 0, row.promptLength),
            value.narrow(2, 0, row.promptLength));
    Tensor answered =
        Attention.masked(
            query.narrow(2, row.promptLength, answers),
            key.narrow(2, 0, row.length),
            value.narrow(2, 0, row.length),
            masks[r]);
    Tensor unseen = query.narrow(2, row.length, padding).detach();
    return torch.cat(new TensorVector(prompt, answered, unseen), 2);
  }
}
