package org.equipoise.mbpo.command;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.equipoise.mbpo.checkpoint.ContextLength;
import org.equipoise.mbpo.checkpoint.QwenTokenizer;
import org.equipoise.mbpo.data.DataLimits;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.evaluate.ObjectVocabulary;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.model.Prompt;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * Refuses questions, answers and images that the model could not take, before it is loaded: images
 * by their headers (in a dry run also by decoding them), texts by the model's own tokenizer. Not
 * thread-safe.
 */
final class InputCheck {
  private final QwenTokenizer tokenizer;
  private final ContextLength context;
  private final int newTokens;
  private final ImageCheck images;

  /**
   * @param limits of images
   * @param newTokens most tokens of an answer that is generated; 0 where none is
   * @param decode whether images are decoded: everything is known then, and it takes as long as
   *     decoding does
   * @param messages told now and then how far a long check is
   */
  InputCheck(
      CheckedModel model, DataLimits limits, int newTokens, boolean decode, PrintWriter messages) {
    this.tokenizer = model.inputs().tokenizer();
    this.context = model.checkpoint().contextLength();
    this.newTokens = newTokens;
    this.images = new ImageCheck(model.inputs().processor(), limits, decode, messages);
  }

  /** A sample that is learnt from or mined: its answer has a probability. */
  void taught(Sample sample) {
    int longest = longestAnswer(sample);
    fits(sample, Math.max(longest, text("the answer", sample.answer(), 1)));
  }

  /** A sample with whose answer others are compared. */
  void verified(Sample sample) {
    fits(sample, longestAnswer(sample));
  }

  private int longestAnswer(Sample sample) {
    readable(sample);
    int longest = newTokens;
    for (String option : sample.options()) {
      longest = Math.max(longest, text("an option", option, 1));
    }
    SampleVerifier.requireGold(sample);
    return longest;
  }

  /** A sample that is evaluated: by its options or by its objects. */
  void evaluated(Sample sample) {
    verified(sample);
    ObjectVocabulary.of(sample.objects());
  }

  /** A pair that is learnt from. */
  void pair(PreferenceRecord pair) {
    Sample sample = pair.sample();
    readable(sample);
    int chosen = text("the chosen answer", pair.chosen(), 1);
    fits(sample, Math.max(chosen, text("the rejected answer", pair.rejected(), 0)));
  }

  /** A sample's images and question. */
  private void readable(Sample sample) {
    sample.images().forEach(images::require);
    for (Prompt.Turn turn : sample.prompt().turns()) {
      turn.pieces().forEach(piece -> text("the question", piece, 0));
    }
  }

  /** Whether prompt, images and an answer of so many tokens are no more than the model takes. */
  void fits(Sample sample, int answer) {
    long prompt = AnswerLogProbs.prompt(tokenizer, sample).length;
    for (ImageSource image : sample.images()) {
      // One of the image's tokens is in the prompt already.
      prompt += images.tokens(image) - 1;
    }
    context.require("the question", prompt, answer);
  }

  /** Looks at images at once that will be asked for. */
  void prepare(Stream<ImageSource> sources) {
    images.prepare(sources);
  }

  /** An image that is used at once. */
  RgbImage decoded(Path file) {
    return images.decoded(file);
  }

  /**
   * Refuses a user's text of too few tokens, or of some that the model does not have.
   *
   * @return its tokens, with the one that ends an answer
   */
  int text(String name, String text, int fewestTokens) {
    context.requireText(name, text);
    int[] ended = tokenizer.encodeAnswer(text);
    int[] ids = Arrays.copyOf(ended, AnswerLogProbs.contentLength(ended, tokenizer));
    if (ids.length < fewestTokens) {
      throw wrong(name, "expected a text, found one without a token", text);
    }
    for (int id : ids) {
      if (id >= tokenizer.vocabularySize()) {
        throw wrong(
            name,
            "tokenizer.json makes token "
                + id
                + " of it, the model has "
                + tokenizer.vocabularySize()
                + " tokens; they seem to be of different checkpoints",
            text);
      }
    }
    return ended.length;
  }

  private static IllegalArgumentException wrong(String name, String found, String text) {
    return new IllegalArgumentException(name + ": " + found + ": " + Excerpt.quoted(text));
  }
}
