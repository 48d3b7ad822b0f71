package org.equipoise.mbpo.demo.model;

import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.tensor.HostTensors;

/**
 * Where the tokens of a right-padded batch stand and which positions predict answer tokens.
 *
 * @param ids token ids [batch, text length]
 * @param textLength prompt and answer without its last token, which predicts nothing
 * @param queryRows flat position of every predicting state, each sequence padded to the longest
 *     answer
 * @param packedRows which of these rows are real, in order
 * @param padded whether any is not
 */
record PackedLayout(
    Tensor ids,
    int textLength,
    Tensor queryRows,
    Tensor packedRows,
    boolean padded,
    int positions,
    int[] firstQuery,
    int longestAnswer) {

  static PackedLayout of(List<TokenSequence> sequences, int prefix) {
    int batch = sequences.size();
    int text = 0;
    int longest = 0;
    int packed = 0;
    for (TokenSequence sequence : sequences) {
      int length = sequence.prompt().length + sequence.answer().length - 1;
      if (sequence.prompt().length < 1 || sequence.answer().length < 1) {
        throw new IllegalArgumentException("prompt and answer need at least one token each");
      }
      if (length > SmallModelParameters.MAX_TEXT) {
        throw new IllegalArgumentException(
            "prompt and answer may have "
                + (SmallModelParameters.MAX_TEXT + 1)
                + " tokens together, found "
                + (length + 1));
      }
      text = Math.max(text, length);
      longest = Math.max(longest, sequence.answer().length);
      packed += sequence.answer().length;
    }
    int positions = prefix + text;
    long[] ids = new long[batch * text];
    long[] queries = new long[batch * longest];
    long[] real = new long[packed];
    int[] first = new int[batch];
    int at = 0;
    for (int i = 0; i < batch; i++) {
      int[] prompt = sequences.get(i).prompt();
      int[] answer = sequences.get(i).answer();
      for (int t = 0; t < prompt.length; t++) {
        ids[i * text + t] = prompt[t];
      }
      for (int t = 0; t < answer.length - 1; t++) {
        ids[i * text + prompt.length + t] = answer[t];
      }
      first[i] = prefix + prompt.length - 1;
      for (int t = 0; t < longest; t++) {
        queries[i * longest + t] = (long) i * positions + first[i] + Math.min(t, answer.length - 1);
        if (t < answer.length) {
          real[at++] = (long) i * longest + t;
        }
      }
    }
    return new PackedLayout(
        HostTensors.longs(ids, batch, text),
        text,
        HostTensors.longs(queries, queries.length),
        HostTensors.longs(real, packed),
        packed < queries.length,
        positions,
        first,
        longest);
  }

  /**
   * Additive causal mask [batch, 1, longest answer, positions]: query t sees up to its own
   * position.
   */
  Tensor mask(float masked) {
    int batch = firstQuery.length;
    float[] values = new float[batch * longestAnswer * positions];
    for (int i = 0; i < batch; i++) {
      for (int t = 0; t < longestAnswer; t++) {
        int from = (i * longestAnswer + t) * positions;
        int visible = Math.min(positions, firstQuery[i] + t + 1);
        Arrays.fill(values, from + visible, from + positions, masked);
      }
    }
    return HostTensors.floats(values, batch, 1, longestAnswer, positions);
  }
}
