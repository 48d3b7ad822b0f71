package org.equipoise.mbpo.mine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.score.AnswerLogProbSums;
import org.equipoise.mbpo.score.AnswerScorer;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.torch.Pgd;
import org.equipoise.torch.PixelBatch;

/**
 * Projected gradient descent against the chosen answer; images of one size are attacked together.
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
    if (!(stepSize > 0) || steps < 1) {
      throw new IllegalArgumentException(
          "stepSize must be positive and steps at least 1, found " + stepSize + " and " + steps);
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
    return Map.of(
        "epsilon", Double.toString(epsilon),
        "step_size", Double.toString(stepSize),
        "steps", Integer.toString(steps),
        "seed", Long.toString(seed));
  }

  @Override
  public List<RgbImage> perturb(MultimodalModel model, List<Sample> samples, List<RgbImage> clean) {
    Map<List<Integer>, List<Integer>> bySize = new LinkedHashMap<>();
    for (int i = 0; i < clean.size(); i++) {
      bySize
          .computeIfAbsent(
              List.of(clean.get(i).width(), clean.get(i).height()), size -> new ArrayList<>())
          .add(i);
    }
    RgbImage[] perturbed = new RgbImage[clean.size()];
    for (List<Integer> group : bySize.values()) {
      List<RgbImage> attacked =
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

  private List<RgbImage> attack(MultimodalModel model, List<Sample> samples, List<RgbImage> clean) {
    List<TokenSequence> sequences = AnswerScorer.sequences(model.tokenizer(), samples);
    long[] streams = samples.stream().mapToLong(s -> KeyedRandom.id(s.id())).toArray();
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
                  images ->
                      AnswerLogProbSums.of(
                          model.forward(ImageBatch.of(images), sequences), sequences),
                  PixelBatch.of(stack(clean)).streams(streams))
              .codes();
      return split(HostTensors.toBytes(codes), clean);
    }
  }

  private static Tensor stack(List<RgbImage> images) {
    ImageBatch batch = ImageBatch.ofImages(images);
    if (batch.stacked() != null) {
      return batch.stacked();
    }
    return org.bytedeco.pytorch.global.torch.stack(
        new org.bytedeco.pytorch.TensorVector(batch.images().toArray(new Tensor[0])));
  }

  private static List<RgbImage> split(byte[] codes, List<RgbImage> like) {
    List<RgbImage> images = new ArrayList<>();
    int length = like.get(0).planes().length;
    for (int i = 0; i < like.size(); i++) {
      images.add(
          new RgbImage(
              like.get(i).width(),
              like.get(i).height(),
              Arrays.copyOfRange(codes, i * length, (i + 1) * length)));
    }
    return images;
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
