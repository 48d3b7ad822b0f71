package org.equipoise.mbpo.mine;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.equipoise.mbpo.data.DataFingerprint;
import org.equipoise.mbpo.data.DroppedSample;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.PreferenceWriter;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.logprob.AnswerLogProbs.Sight;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.Returned;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.reward.AnswerVerifier;
import org.equipoise.mbpo.reward.Verifiers;
import org.equipoise.mbpo.run.Progress;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Fingerprint;
import org.equipoise.mbpo.tensor.WeightsFingerprint;
import org.jspecify.annotations.Nullable;

/**
 * Mines hard negatives: perturbs the image so that the chosen answer becomes improbable, takes the
 * model's own answer to it as the rejected one, and keeps the usable pairs. Log-probs and answers
 * are those of the 8-bit image that the PNG holds. As thread-safe as the model: one thread at a
 * time.
 */
public final class NegativeMiner {
  private final MultimodalModel model;
  private final NegativeSource source;
  private final NegativeFilter filter;
  private final MiningOptions options;

  /**
   * @param verifier decides whether the mined answer says the same as the chosen one
   */
  public NegativeMiner(
      MultimodalModel model,
      NegativeSource source,
      AnswerVerifier verifier,
      MiningOptions options) {
    this.model = model;
    this.source = source;
    this.filter = new NegativeFilter(options, verifier, source.asksModel());
    this.options = options;
  }

  /**
   * Mines into a preference store (a folder); read the pairs back with {@code
   * PreferenceStore.read}. If the folder holds a part of the same mining, only the rest is done.
   *
   * @param gains information gain of each sample, or {@code null}
   */
  public MiningReport mine(
      List<Sample> samples, double @Nullable [] gains, Path folder, Progress progress) {
    if (gains != null && gains.length != samples.size()) {
      throw new IllegalArgumentException(
          "one gain per sample is needed: "
              + samples.size()
              + " samples, "
              + gains.length
              + " gains");
    }
    for (Sample sample : samples) {
      if (sample.images().isEmpty()) {
        throw new IllegalArgumentException(
            "sample " + Excerpt.of(sample.id()) + " has no image that could be perturbed");
      }
    }
    Map<String, Double> gainById = new HashMap<>();
    for (int i = 0; i < samples.size(); i++) {
      gainById.put(samples.get(i).id(), gains == null ? Double.NaN : gains[i]);
    }
    List<TwinUnits.Unit> units = TwinUnits.of(samples);
    PreferenceWriter writer = PreferenceWriter.open(folder, fingerprint(samples), progress::notice);
    progress.begin("mining " + source.name() + " negatives", samples.size());
    long done = count(units.subList(0, writer.unitsDone()));
    while (writer.unitsDone() < units.size()) {
      progress.update(done);
      List<TwinUnits.Unit> batch = nextBatch(units, writer.unitsDone());
      mineBatch(batch, gainById, writer);
      done += count(batch);
    }
    progress.update(done);
    return MiningReports.of(source.name(), folder);
  }

  private List<TwinUnits.Unit> nextBatch(List<TwinUnits.Unit> units, int from) {
    int to = from;
    int samples = 0;
    while (to < units.size()
        && (to == from || samples + units.get(to).samples().size() <= options.batchSize())) {
      samples += units.get(to).samples().size();
      to++;
    }
    return units.subList(from, to);
  }

  private void mineBatch(
      List<TwinUnits.Unit> units, Map<String, Double> gainById, PreferenceWriter writer) {
    List<Sample> samples = units.stream().flatMap(unit -> unit.samples().stream()).toList();
    List<Images> clean = AnswerLogProbs.images(model, samples);
    List<Images> perturbed = perturbed(samples, clean);
    List<TokenSequence> sequences = AnswerLogProbs.sequences(model.tokenizer(), samples);
    AnswerLogProbs answerLogProbs = new AnswerLogProbs(model, samples.size());
    List<float[]> cleanLogProbs = answerLogProbs.tokenLogProbs(clean, sequences, Sight.IMAGE);
    List<float[]> perturbedLogProbs =
        source.asksModel()
            ? answerLogProbs.tokenLogProbs(perturbed, sequences, Sight.IMAGE)
            : cleanLogProbs;
    List<GeneratedAnswer> answers =
        source.asksModel()
            ? generate(perturbed, sequences, samples, false)
            : samples.stream().map(this::given).toList();
    List<GeneratedAnswer> cleanAnswers = generate(clean, sequences, samples, false);
    List<GeneratedAnswer> blindAnswers = generate(clean, sequences, samples, true);

    List<PreferenceRecord> pairs = new ArrayList<>();
    List<DroppedSample> dropped = new ArrayList<>();
    int at = 0;
    for (TwinUnits.Unit unit : units) {
      int size = unit.samples().size();
      DropReason[] reasons = new DropReason[size];
      boolean anyDropped = false;
      for (int i = 0; i < size; i++) {
        double delta = sum(perturbedLogProbs.get(at + i)) - sum(cleanLogProbs.get(at + i));
        reasons[i] = filter.reason(unit.samples().get(i), answers.get(at + i), delta);
        anyDropped |= reasons[i] != null;
      }
      for (int i = 0; i < size; i++, at++) {
        Sample sample = samples.get(at);
        String rejected = answers.get(at) == null ? "" : answers.get(at).text();
        PreferenceRecord.Scores scores =
            new PreferenceRecord.Scores(
                sum(cleanLogProbs.get(at)),
                sum(perturbedLogProbs.get(at)),
                cleanAnswers.get(at).text(),
                blindAnswers.get(at).text(),
                sameWords(rejected, blindAnswers.get(at).text()));
        DropReason reason = reasons[i];
        if (reason == null && anyDropped && options.twinsTogether()) {
          reason = DropReason.TWIN_DROPPED;
        }
        if (reason == null) {
          pairs.add(
              new PreferenceRecord(
                  sample.id(),
                  clean.get(at).sources(),
                  perturbed.get(at).sources(),
                  sample.prompt(),
                  sample.answer(),
                  rejected,
                  sample.kind(),
                  sample.twin(),
                  source.name(),
                  gainById.get(sample.id()),
                  scores,
                  source.settings()));
        } else {
          dropped.add(
              new DroppedSample(
                  sample.id(), sample.kind(), reason.name(), scores.delta(), rejected));
        }
      }
    }
    writer.append(units.size(), pairs, dropped);
  }

  private List<Images> perturbed(List<Sample> samples, List<Images> clean) {
    String function = "NegativeSource.perturb of " + source.name();
    List<Images> perturbed =
        Returned.each(source.perturb(model, samples, clean), samples.size(), function);
    for (int i = 0; i < samples.size(); i++) {
      Returned.each(perturbed.get(i).all(), clean.get(i).all().size(), function);
    }
    return perturbed;
  }

  private @Nullable GeneratedAnswer given(Sample sample) {
    String answer = source.answer(sample);
    return answer == null ? null : new GeneratedAnswer(new int[0], answer, true);
  }

  private List<GeneratedAnswer> generate(
      List<Images> images, List<TokenSequence> sequences, List<Sample> samples, boolean blind) {
    long[] streams = samples.stream().mapToLong(s -> KeyedRandom.id(s.id())).toArray();
    List<int[]> prompts = sequences.stream().map(TokenSequence::prompt).toList();
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      ImageBatch batch =
          blind
              ? ImageBatch.blindOfQuestions(images, model.imageProcessor().mean())
              : ImageBatch.ofQuestions(images);
      return Returned.each(
          model.generate(batch, prompts, streams, options.generation()),
          prompts.size(),
          "MultimodalModel.generate");
    }
  }

  private String fingerprint(List<Sample> samples) {
    return new Fingerprint()
        .add("model", model.name())
        .add("weights", WeightsFingerprint.of(model.weights()))
        .add("source", source.name())
        .add("source settings", source.settings())
        .add("options", options)
        .add("samples", DataFingerprint.ofSamples(samples))
        .hex();
  }

  private static long count(List<TwinUnits.Unit> units) {
    return units.stream().mapToLong(unit -> unit.samples().size()).sum();
  }

  private static double sum(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += value;
    }
    return sum;
  }

  private static boolean sameWords(String a, String b) {
    return Verifiers.words(a).equals(Verifiers.words(b));
  }
}
