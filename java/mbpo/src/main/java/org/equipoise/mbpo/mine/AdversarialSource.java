package org.equipoise.mbpo.mine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.logprob.AnswerLogProbSums;
import org.equipoise.mbpo.logprob.AnswerLogProbs;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.torch.Pgd;

/**
 * Projected gradient descent against the chosen answer, on all images of a question together;
 * questions whose images have the same sizes are attacked in one batch.
 */
final class AdversarialSource implements NegativeSource {
  private final double epsilon;
  private final double stepSize;
  private final int steps;
  private final long seed;

  AdversarialSource(double epsilon, double stepSize, int steps, long seed) {
    if (!(epsilon > 0 && epsilon <= 1)) {
      throw new IllegalArgumentException(
          "epsilon is in pixel units of [0, 1], for example 16/255; found " + epsilon);
    }
    if (!(stepSize > 0) || Double.isInfinite(stepSize) || steps < 1) {
      throw new IllegalArgumentException(
          "stepSize must be positive and finite and steps at least 1, found "
              + stepSize
              + " and "
              + steps);
    }
    this.epsilon = epsilon;
    this.stepSize = stepSize;
    this.steps = steps;
    this.seed = seed;
  }

  @Override
  public String name() {
    return "adversarial";
  }

  @Override
  public Map<String, String> settings() {
    return new TreeMap<>(
        Map.of(
            "epsilon", Double.toString(epsilon),
            "step_size", Double.toString(stepSize),
            "steps", Integer.toString(steps),
            "seed", Long.toString(seed)));
  }

  @Override
  public List<Images> perturb(MultimodalModel model, List<Sample> samples, List<Images> clean) {
    // Random starts are numbered by a question's rows, which must not depend on the other
    // questions.
    Map<List<Integer>, List<Integer>> bySizes = new LinkedHashMap<>();
    for (int i = 0; i < clean.size(); i++) {
      List<Integer> sizes =
          clean.get(i).all().stream()
              .flatMap(image -> Stream.of(image.width(), image.height()))
              .toList();
      bySizes.computeIfAbsent(sizes, s -> new ArrayList<>()).add(i);
    }
    Images[] perturbed = new Images[clean.size()];
    for (List<Integer> group : bySizes.values()) {
      List<Images> attacked =
          attack(
              model,
              group.stream().map(samples::get).toList(),
              group.stream().map(clean::get).toList());
      for (int i = 0; i < attacked.size(); i++) {
        perturbed[group.get(i)] = attacked.get(i);
      }
    }
    return Arrays.asList(perturbed);
  }

  private List<Images> attack(MultimodalModel model, List<Sample> samples, List<Images> clean) {
    List<TokenSequence> sequences = AnswerLogProbs.sequences(model.tokenizer(), samples);
    long[] streams = samples.stream().mapToLong(s -> KeyedRandom.id(s.id())).toArray();
    PixelRows pixels = new PixelRows(clean);
    try (PointerScope scope = new PointerScope();
        FrozenParameters frozen = new FrozenParameters(model)) {
      Tensor codes =
          Pgd.linf()
              .epsilon(epsilon)
              .stepSize(stepSize)
              .steps(steps)
              .seed(seed)
              .randomStart(true)
              .minimise(
                  rows ->
                      AnswerLogProbSums.of(
                          model.forward(pixels.images(rows), sequences), sequences),
                  pixels.batch().streams(streams))
              .codes();
      return pixels.images(HostTensors.toBytes(codes));
    }
  }

  /** While open, gradients flow to images only; the parameters keep theirs. */
  private static final class FrozenParameters implements AutoCloseable {
    private final MultimodalModel model;

    FrozenParameters(MultimodalModel model) {
      this.model = model;
      model.parameters().values().forEach(parameter -> parameter.set_requires_grad(false));
    }

    @Override
    public void close() {
      model.parameters().values().forEach(parameter -> parameter.set_requires_grad(true));
    }
  }
}
