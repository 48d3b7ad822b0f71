package org.equipoise.mbpo.train;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.Returned;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.reward.Reward;
import org.equipoise.mbpo.reward.VerifiedReward;
import org.equipoise.mbpo.reward.Verifiers;
import org.equipoise.mbpo.storage.Excerpt;
import org.jspecify.annotations.Nullable;

/** Samples answers to prompts, rewards them and chooses the groups to train on. */
final class OnlineGroups {
  private final MultimodalModel model;
  private final List<Sample> prompts;
  private final VerifiedReward reward;
  private final OnlineOptions options;
  private final BatchOrder order;
  private final KeyedRandom sampling;

  /** One prompt with its sampled answers. */
  record Group(Images images, List<TokenSequence> sequences, float[] rewards) {
    boolean hasVariance() {
      for (float value : rewards) {
        if (value != rewards[0]) {
          return true;
        }
      }
      return false;
    }
  }

  /**
   * @param used the groups to train on
   * @param zeroVarianceShare share of all sampled groups whose rewards are equal
   * @param rewardMean over all sampled answers
   * @param correctShare share of all sampled answers that are right
   * @param meanTokens mean length of all sampled answers
   * @param unfinishedShare share of all sampled answers cut off by the length limit
   * @param yesShare share of yes among the readable answers to questions of yes or no; NaN without
   * @param goldYesShare share of yes among the gold answers of the same
   */
  record Draw(
      List<Group> used,
      double zeroVarianceShare,
      double rewardMean,
      double correctShare,
      double meanTokens,
      double unfinishedShare,
      double yesShare,
      double goldYesShare) {

    static Draw none() {
      double unknown = Double.NaN;
      return new Draw(List.of(), unknown, unknown, unknown, unknown, unknown, unknown, unknown);
    }
  }

  OnlineGroups(
      MultimodalModel model,
      List<Sample> prompts,
      VerifiedReward reward,
      OnlineOptions options,
      long seed) {
    this.model = model;
    this.prompts = prompts;
    this.reward = reward;
    this.options = options;
    this.order =
        new BatchOrder(
            KeyedRandom.of(seed, "online-order"), prompts.size(), options.promptsPerIteration());
    this.sampling = KeyedRandom.of(seed, "online-sampling");
  }

  Draw draw(int iteration) {
    List<Sample> questions = new ArrayList<>();
    List<Images> questionImages = new ArrayList<>();
    List<Images> images = new ArrayList<>();
    List<int[]> tokenized = new ArrayList<>();
    long[] streams = new long[options.promptsPerIteration() * options.groupSize()];
    for (int index : order.indices(iteration)) {
      Sample question = prompts.get(index);
      Images seen = AnswerLogProbs.images(model, question);
      int[] prompt = AnswerLogProbs.prompt(model.tokenizer(), question);
      long stream = KeyedRandom.id(question.id());
      for (int g = 0; g < options.groupSize(); g++) {
        streams[tokenized.size()] = stream + g;
        images.add(seen);
        tokenized.add(prompt);
      }
      questions.add(question);
      questionImages.add(seen);
    }
    GenerationOptions generation =
        GenerationOptions.sample(options.temperature(), sampling.bits(iteration, 0, 0))
            .withMaxNewTokens(options.maxNewTokens());
    List<GeneratedAnswer> answers;
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      answers =
          Returned.each(
              model.generate(ImageBatch.ofQuestions(images), tokenized, streams, generation),
              tokenized.size(),
              "MultimodalModel.generate");
    }
    return judge(questions, questionImages, tokenized, answers);
  }

  private Draw judge(
      List<Sample> questions,
      List<Images> images,
      List<int[]> tokenized,
      List<GeneratedAnswer> answers) {
    List<Group> groups = new ArrayList<>();
    double rewards = 0;
    double correct = 0;
    double tokens = 0;
    double unfinished = 0;
    double readable = 0;
    double yes = 0;
    double goldYes = 0;
    for (int q = 0; q < questions.size(); q++) {
      List<TokenSequence> sequences = new ArrayList<>();
      float[] groupRewards = new float[options.groupSize()];
      Boolean gold = goldYes(questions.get(q));
      for (int g = 0; g < options.groupSize(); g++) {
        GeneratedAnswer answer = answers.get(q * options.groupSize() + g);
        Reward found = judged(questions.get(q), answer.text());
        groupRewards[g] = (float) found.total();
        rewards += found.total();
        correct += found.correct() ? 1 : 0;
        tokens += answer.tokens().length;
        unfinished += answer.finished() ? 0 : 1;
        Boolean said = gold == null ? null : Verifiers.yesOrNo(answer.text());
        if (said != null) {
          readable++;
          yes += said ? 1 : 0;
          goldYes += gold ? 1 : 0;
        }
        sequences.add(
            new TokenSequence(tokenized.get(q * options.groupSize() + g), answer.tokens()));
      }
      groups.add(new Group(images.get(q), sequences, groupRewards));
    }
    double sampled = answers.size();
    double withoutVariance = groups.stream().filter(g -> !g.hasVariance()).count();
    return new Draw(
        choose(groups),
        withoutVariance / groups.size(),
        rewards / sampled,
        correct / sampled,
        tokens / sampled,
        unfinished / sampled,
        yes / readable,
        goldYes / readable);
  }

  private Reward judged(Sample question, String answer) {
    Reward found = Returned.required(reward.judge(question, answer), "VerifiedReward.judge");
    if (!Double.isFinite(found.total())) {
      throw new IllegalStateException(
          "VerifiedReward.judge: expected a finite total for sample "
              + Excerpt.of(question.id())
              + ", found "
              + found.total());
    }
    return found;
  }

  /** What a question of yes or no is to be answered; {@code null} for others. */
  private static @Nullable Boolean goldYes(Sample sample) {
    return Verifiers.words(sample.answer()).size() == 1 ? Verifiers.yesOrNo(sample.answer()) : null;
  }

  /** Dynamic sampling: groups with variance first, in drawing order. */
  private List<Group> choose(List<Group> groups) {
    List<Group> used = new ArrayList<>();
    for (boolean variance : new boolean[] {true, false}) {
      for (Group group : groups) {
        boolean wanted =
            group.hasVariance() == variance && (variance || options.keepZeroVariance());
        if (wanted && used.size() < options.maxGroups()) {
          used.add(group);
        }
      }
    }
    return Collections.unmodifiableList(used);
  }
}
