package org.equipoise.mbpo.evaluate;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.Returned;
import org.equipoise.mbpo.model.TextTokenizer;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.reward.AnswerVerifier;
import org.equipoise.mbpo.reward.Verifiers;
import org.equipoise.mbpo.storage.Excerpt;

/**
 * Measures a model, batch by batch: no more than a batch of images is held. As thread-safe as the
 * model: one thread at a time.
 */
public final class Evaluator {
  private static final List<String> YES_NO = List.of("yes", "no");

  private final MultimodalModel model;
  private final EvaluationOptions options;
  private final CandidateLogProbs candidates;
  private final AnswerLogProbs logProbs;

  public Evaluator(MultimodalModel model, EvaluationOptions options) {
    this.model = model;
    this.options = options;
    this.candidates = new CandidateLogProbs(model, options);
    this.logProbs = new AnswerLogProbs(model, options.batchSize());
  }

  /** Yes/no questions: generated answers, and log-odds of "yes" against "no". */
  public YesNoResult yesNo(List<Sample> samples) {
    List<YesNoItem> items = new ArrayList<>();
    inBatches(
        samples,
        (batch, images) -> {
          List<String> answers = generate(batch, images);
          List<double[]> offered =
              candidates.of(images, batch, batch.stream().map(s -> YES_NO).toList());
          for (int i = 0; i < batch.size(); i++) {
            Sample sample = batch.get(i);
            items.add(
                new YesNoItem(
                    sample.id(),
                    goldYes(sample),
                    offered.get(i)[0] - offered.get(i)[1],
                    options.matching().yesOrNo(answers.get(i)),
                    answers.get(i)));
          }
        });
    return new YesNoResult(items);
  }

  /** Multiple choice: generated answers, and the offered option with the highest log-prob. */
  public MultipleChoiceResult multipleChoice(List<Sample> samples) {
    AnswerVerifier verifier = Verifiers.multipleChoice();
    List<MultipleChoiceResult.Item> items = new ArrayList<>();
    inBatches(
        samples,
        (batch, images) -> {
          List<String> answers = generate(batch, images);
          List<double[]> offered =
              candidates.of(images, batch, batch.stream().map(Evaluator::offered).toList());
          for (int i = 0; i < batch.size(); i++) {
            Sample sample = batch.get(i);
            String best = sample.options().get(indexOfLargest(offered.get(i)));
            items.add(
                new MultipleChoiceResult.Item(
                    sample.id(),
                    options.matching().chooses(sample, answers.get(i)),
                    verifier.correct(sample, best),
                    answers.get(i),
                    best));
          }
        });
    return new MultipleChoiceResult(items);
  }

  /** Captions: objects mentioned against {@link Sample#objects()}. */
  public CaptionResult captions(List<Sample> samples, ObjectVocabulary vocabulary) {
    List<CaptionResult.Item> items = new ArrayList<>();
    inBatches(
        samples,
        (batch, images) -> {
          List<String> captions = generate(batch, images);
          for (int i = 0; i < batch.size(); i++) {
            Sample sample = batch.get(i);
            items.add(
                CaptionResult.Item.of(
                    sample.id(),
                    captions.get(i),
                    sample.objects(),
                    vocabulary,
                    options.matching()));
          }
        });
    return new CaptionResult(items);
  }

  /** Log-prob of the gold answers with the image and blind. Contrast plays no part here. */
  public AnswerLogProbResult answerLogProbs(List<Sample> samples) {
    TextTokenizer tokenizer = model.tokenizer();
    List<AnswerLogProbResult.Item> items = new ArrayList<>();
    inBatches(
        samples,
        (batch, images) -> {
          List<TokenSequence> gold = AnswerLogProbs.sequences(tokenizer, batch);
          List<float[]> seen = logProbs.tokenLogProbs(images, gold, AnswerLogProbs.Sight.IMAGE);
          List<float[]> blind = logProbs.tokenLogProbs(images, gold, AnswerLogProbs.Sight.BLIND);
          for (int i = 0; i < batch.size(); i++) {
            int[] answer = gold.get(i).answer();
            items.add(
                new AnswerLogProbResult.Item(
                    batch.get(i).id(),
                    AnswerLogProbs.contentMean(seen.get(i), answer, tokenizer),
                    AnswerLogProbs.contentMean(blind.get(i), answer, tokenizer)));
          }
        });
    return new AnswerLogProbResult(items);
  }

  private void inBatches(List<Sample> samples, BiConsumer<List<Sample>, List<Images>> work) {
    for (int from = 0; from < samples.size(); from += options.batchSize()) {
      List<Sample> batch =
          samples.subList(from, Math.min(samples.size(), from + options.batchSize()));
      work.accept(batch, AnswerLogProbs.images(model, batch));
    }
  }

  private List<String> generate(List<Sample> batch, List<Images> images) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      List<int[]> prompts =
          batch.stream().map(s -> AnswerLogProbs.prompt(model.tokenizer(), s)).toList();
      long[] streams = batch.stream().mapToLong(s -> KeyedRandom.id(s.id())).toArray();
      return Returned.each(
              model.generate(
                  ImageBatch.ofQuestions(images), prompts, streams, options.generation()),
              prompts.size(),
              "MultimodalModel.generate")
          .stream()
          .map(GeneratedAnswer::text)
          .toList();
    }
  }

  private static List<String> offered(Sample sample) {
    if (sample.options().isEmpty()) {
      throw new IllegalArgumentException(
          "multiple-choice sample " + Excerpt.of(sample.id()) + " has no options");
    }
    return sample.options();
  }

  private static boolean goldYes(Sample sample) {
    Boolean gold = Verifiers.yesOrNo(sample.answer());
    if (gold == null) {
      throw new IllegalArgumentException(
          "the gold answer of yes/no sample "
              + Excerpt.of(sample.id())
              + " must say yes or no, found "
              + Excerpt.quoted(sample.answer()));
    }
    return gold;
  }

  private static int indexOfLargest(double[] values) {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      if (values[i] > values[best]) {
        best = i;
      }
    }
    return best;
  }
}
