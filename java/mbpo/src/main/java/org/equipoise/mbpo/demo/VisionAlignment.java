package org.equipoise.mbpo.demo;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleConsumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AdamW;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.demo.model.SmallMultimodalModel;
import org.equipoise.mbpo.demo.scene.PlacedObject;
import org.equipoise.mbpo.demo.scene.Scene;
import org.equipoise.mbpo.demo.scene.SceneObject;
import org.equipoise.mbpo.demo.scene.SceneRenderer;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.mbpo.train.OptimizerOptions;
import org.equipoise.mbpo.train.Schedule;

/**
 * Teaches the vision tower to speak the decoder's language: for each quadrant of a scene, the mean
 * of its image tokens must point to the embedding of the object's word (or to "nothing"),
 * cross-entropy over 17 words. Without it captions stay at the language prior.
 */
final class VisionAlignment {
  private static final int QUADRANTS = 4;

  private final DemoConfig.Alignment options;
  private final long seed;

  VisionAlignment(DemoConfig.Alignment options, long seed) {
    this.options = options;
    this.seed = seed;
  }

  /** Trains the model in place; reports the share done. */
  void train(SmallMultimodalModel model, List<Scene> scenes, DoubleConsumer progress) {
    List<RgbImage> images = scenes.stream().map(SceneRenderer::render).toList();
    long[][] labels = scenes.stream().map(VisionAlignment::labels).toArray(long[][]::new);
    KeyedRandom order = KeyedRandom.of(seed, "alignment-order");
    OptimizerOptions schedule =
        OptimizerOptions.adamW(options.learningRate())
            .withWarmUpSteps(20)
            .withSchedule(Schedule.COSINE)
            .withFinalFraction(0.1);
    Tensor[] parameters = model.parameters().values().toArray(new Tensor[0]);
    try (PointerScope whole = new PointerScope()) {
      AdamWOptions settings = new AdamWOptions(options.learningRate());
      settings.betas().put(schedule.beta1(), schedule.beta2());
      AdamW optimizer = new AdamW(new TensorVector(parameters), settings);
      Tensor words = model.objectWords();
      for (int step = 0; step < options.steps(); step++) {
        try (PointerScope scope = new PointerScope()) {
          List<RgbImage> batch = new ArrayList<>();
          long[] targets = new long[options.batchSize() * QUADRANTS];
          for (int i = 0; i < options.batchSize(); i++) {
            int scene = order.below(scenes.size(), step, i, 0);
            batch.add(images.get(scene));
            System.arraycopy(labels[scene], 0, targets, i * QUADRANTS, QUADRANTS);
          }
          Tensor logits = model.quadrantLogits(stack(batch), words);
          Tensor loss =
              torch.cross_entropy_loss(
                  logits.reshape(-1, logits.size(2)), HostTensors.longs(targets, targets.length));
          loss.backward();
          torch.clip_grad_norm_(new TensorVector(parameters), schedule.gradientClip());
          optimizer.param_groups().get(0).options().set_lr(schedule.rate(step, options.steps()));
          optimizer.step();
          optimizer.zero_grad();
        }
        progress.accept((step + 1.0) / options.steps());
      }
    }
  }

  private static Tensor stack(List<RgbImage> images) {
    ImageBatch batch = ImageBatch.ofImages(images);
    return batch.stacked() != null
        ? batch.stacked()
        : torch.stack(new TensorVector(batch.images().toArray(new Tensor[0])));
  }

  /** Object of each quadrant, or the index after the last object for an empty one. */
  private static long[] labels(Scene scene) {
    long[] labels = new long[QUADRANTS];
    Arrays.fill(labels, SceneObject.all().size());
    for (PlacedObject sprite : scene.placed()) {
      labels[sprite.cell()] = sprite.object().ordinal();
    }
    return labels;
  }
}
