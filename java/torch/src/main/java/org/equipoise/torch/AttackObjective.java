package org.equipoise.torch;

import java.util.Arrays;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/** The objective of one attack: values, and gradients over samples and random transformations. */
final class AttackObjective {
  private final Function<Tensor, Tensor> function;
  private final AttackOptions options;
  private final PixelBatch batch;
  private final Tensor streams;

  AttackObjective(
      Function<Tensor, Tensor> function, AttackOptions options, PixelBatch batch, Tensor streams) {
    this.function = function;
    this.options = options;
    this.batch = batch;
    this.streams = streams;
  }

  /**
   * @param values per image: the mean over the samples, of the transformed images where there is a
   *     transformation
   * @param gradient as the kernels take it
   */
  record Evaluation(double[] values, Tensor gradient) {}

  /** Without gradient and transformation. */
  double[] score(Tensor point) {
    try (PointerScope scope = new PointerScope();
        AutoGradMode none = new AutoGradMode(false)) {
      return Tensors.doubles(checked(function.apply(batch.outward(point))));
    }
  }

  /**
   * At a point, as an average over the samples.
   *
   * @param step counts the evaluations of the attack: another number, another draw
   */
  Evaluation evaluate(Tensor point, long step) {
    Tensor images = batch.outward(point);
    double[] values = null;
    Tensor sum = null;
    for (int sample = 0; sample < options.samples; sample++) {
      InputTransform.Draw draw =
          new InputTransform.Draw(options.seed, step * options.samples + sample, streams);
      Tensor shown =
          options.input == null
              ? images
              : given("transformation", options.input.forward(images, draw));
      Tensor leaf = shown.detach().set_requires_grad(true);
      Tensor value;
      Tensor gradient;
      try (AutoGradMode recorded = new AutoGradMode(true)) {
        value = checked(function.apply(leaf));
        if (!value.requires_grad()) {
          throw new IllegalArgumentException(
              "objective: expected a value that depends on the images, found one without gradient");
        }
        gradient = Tensors.gradient(value, leaf);
      }
      values = added(values, Tensors.doubles(value));
      if (!gradient.defined()) {
        throw new IllegalArgumentException(
            "objective: expected a value that depends on the images, found one that depends on"
                + " other tensors alone");
      }
      // A gradient of a plain sum is one number, expanded: nothing can be written into it.
      gradient = gradient.contiguous();
      if (options.input != null) {
        gradient =
            given("transformation's gradient", options.input.backward(gradient, images, draw));
      }
      sum = sum == null ? gradient : sum.add_(gradient);
    }
    if (options.samples > 1) {
      sum.div_(new Scalar((double) options.samples));
      for (int i = 0; i < values.length; i++) {
        values[i] /= options.samples;
      }
    }
    if (options.gradient != null) {
      sum = given("gradient", options.gradient.apply(sum));
    }
    return new Evaluation(values, batch.inward(sum.contiguous()));
  }

  /** What a function of the caller's gave. */
  private static Tensor given(String function, Tensor value) {
    if (value == null || value.isNull()) {
      throw new IllegalArgumentException(function + ": expected a tensor, found null");
    }
    return value;
  }

  private static double[] added(double[] sum, double[] values) {
    if (sum == null) {
      return values;
    }
    for (int i = 0; i < sum.length; i++) {
      sum[i] += values[i];
    }
    return sum;
  }

  /** One number for several images would tell neither which got better nor where to stop. */
  private Tensor checked(Tensor value) {
    long images = batch.images();
    if (value == null || value.isNull()) {
      throw new IllegalArgumentException(
          "objective: expected one value per image, [" + images + "], found null");
    }
    if (value.numel() != images || (value.dim() != 1 && images != 1)) {
      throw new IllegalArgumentException(
          "objective: expected one value per image, ["
              + images
              + "], found "
              + (value.numel() == 1
                  ? "one value for all of them; return each image's own, such as loss.sum(1) where"
                      + " it is loss.sum()"
                  : "shape " + Arrays.toString(value.shape())));
    }
    return value;
  }
}
