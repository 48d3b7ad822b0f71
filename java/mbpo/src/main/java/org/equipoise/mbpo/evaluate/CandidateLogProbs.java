package org.equipoise.mbpo.evaluate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.TextTokenizer;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.tensor.HostTensors;

/**
 * Log-probs of candidate answers to one question, end token left out, up to a constant of the
 * question: they are comparable with each other. With contrast α one is {@code (1+α)·logProb(image)
 * − α·logProb(blind)}, which is what blind-contrast decoding compares.
 */
final class CandidateLogProbs {
  private final MultimodalModel model;
  private final TextTokenizer tokenizer;
  private final AnswerLogProbs answerLogProbs;
  private final double contrastAlpha;

  CandidateLogProbs(MultimodalModel model, EvaluationOptions options) {
    this.model = model;
    this.tokenizer = model.tokenizer();
    this.answerLogProbs = new AnswerLogProbs(model, options.batchSize());
    this.contrastAlpha = options.generation().contrastAlpha();
  }

  /**
   * One batch of questions.
   *
   * @param candidates answers per question; questions may have different numbers of them
   * @return a log-prob per question and candidate
   */
  List<double[]> of(List<Images> images, List<Sample> questions, List<List<String>> candidates) {
    List<int[]> prompts = questions.stream().map(s -> AnswerLogProbs.prompt(tokenizer, s)).toList();
    List<List<int[]>> answers =
        candidates.stream().map(texts -> texts.stream().map(this::content).toList()).toList();
    List<double[]> logProbs = seen(images, prompts, answers, AnswerLogProbs.Sight.IMAGE);
    if (contrastAlpha > 0) {
      List<double[]> blind = seen(images, prompts, answers, AnswerLogProbs.Sight.BLIND);
      for (int q = 0; q < logProbs.size(); q++) {
        for (int c = 0; c < logProbs.get(q).length; c++) {
          logProbs.get(q)[c] =
              (1 + contrastAlpha) * logProbs.get(q)[c] - contrastAlpha * blind.get(q)[c];
        }
      }
    }
    return logProbs;
  }

  private List<double[]> seen(
      List<Images> images,
      List<int[]> prompts,
      List<List<int[]>> answers,
      AnswerLogProbs.Sight sight) {
    boolean singleTokens =
        answers.stream().allMatch(list -> list.stream().allMatch(tokens -> tokens.length == 1));
    return singleTokens
        ? ofSingleTokens(images, prompts, answers, sight)
        : ofSequences(images, prompts, answers, sight);
  }

  /**
   * Answers of one token share their only prediction, so one pass per question is enough, and
   * logits differ from log-probs by a constant.
   */
  private List<double[]> ofSingleTokens(
      List<Images> images,
      List<int[]> prompts,
      List<List<int[]>> answers,
      AnswerLogProbs.Sight sight) {
    int width = answers.stream().mapToInt(List::size).max().orElseThrow();
    long[] ids = new long[prompts.size() * width];
    List<TokenSequence> sequences = new ArrayList<>();
    for (int q = 0; q < prompts.size(); q++) {
      sequences.add(new TokenSequence(prompts.get(q), answers.get(q).get(0)));
      for (int c = 0; c < answers.get(q).size(); c++) {
        ids[q * width + c] = answers.get(q).get(c)[0];
      }
    }
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      ImageBatch seen =
          sight == AnswerLogProbs.Sight.BLIND
              ? ImageBatch.blindOfQuestions(images, model.imageProcessor().mean())
              : ImageBatch.ofQuestions(images);
      Tensor logits = model.forward(seen, sequences).logits();
      Tensor columns =
          HostTensors.onDeviceOf(logits, HostTensors.longs(ids, prompts.size(), width));
      float[] picked =
          AnswerLogProbs.requireNumbers(HostTensors.toFloats(logits.gather(1, columns)));
      List<double[]> logProbs = new ArrayList<>();
      for (int q = 0; q < prompts.size(); q++) {
        double[] row = new double[answers.get(q).size()];
        for (int c = 0; c < row.length; c++) {
          row[c] = picked[q * width + c];
        }
        logProbs.add(row);
      }
      return logProbs;
    }
  }

  private List<double[]> ofSequences(
      List<Images> images,
      List<int[]> prompts,
      List<List<int[]>> answers,
      AnswerLogProbs.Sight sight) {
    List<Images> repeated = new ArrayList<>();
    List<TokenSequence> sequences = new ArrayList<>();
    for (int q = 0; q < prompts.size(); q++) {
      for (int[] answer : answers.get(q)) {
        repeated.add(images.get(q));
        sequences.add(new TokenSequence(prompts.get(q), answer));
      }
    }
    List<float[]> byToken = answerLogProbs.tokenLogProbs(repeated, sequences, sight);
    List<double[]> logProbs = new ArrayList<>();
    int at = 0;
    for (List<int[]> candidates : answers) {
      double[] row = new double[candidates.size()];
      for (int c = 0; c < row.length; c++) {
        for (float value : byToken.get(at)) {
          row[c] += value;
        }
        at++;
      }
      logProbs.add(row);
    }
    return logProbs;
  }

  private int[] content(String answer) {
    int[] tokens = tokenizer.encodeAnswer(answer);
    int length = AnswerLogProbs.contentLength(tokens, tokenizer);
    if (length == 0) {
      throw new IllegalArgumentException(
          "the candidate answer " + Excerpt.quoted(answer) + " has no token to compare");
    }
    return Arrays.copyOf(tokens, length);
  }
}
