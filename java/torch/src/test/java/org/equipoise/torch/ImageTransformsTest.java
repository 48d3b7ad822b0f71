package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.StreamSupport;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.BlurShape;
import org.equipoise.kernels.Interpolation;
import org.equipoise.kernels.PixelSpace;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Noise, input diversity and translation invariance against PyTorch's resampling, convolution and
 * autograd in doubles; image_transforms_golden.py beside the JSON made the values.
 */
class ImageTransformsTest {
  /** Roundoff of a float. */
  private static final double ROUNDOFF = 0x1p-24;

  /** Images of the golden values are multiples of 1/64 below this. */
  private static final double LARGEST = 2;

  private static final int IMAGES = 2;
  private static final int PLANE = 12 * 10;
  private static final int COUNT = IMAGES * 3 * PLANE;

  private JsonNode golden;
  private PointerScope scope;

  @BeforeEach
  void open() throws IOException {
    try (InputStream stream = getClass().getResourceAsStream("image_transforms_golden.json")) {
      golden = new ObjectMapper().readTree(stream);
    }
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static double[] doubles(JsonNode node) {
    return StreamSupport.stream(node.spliterator(), false)
        .mapToDouble(JsonNode::asDouble)
        .toArray();
  }

  private static long[] longs(JsonNode node) {
    return StreamSupport.stream(node.spliterator(), false).mapToLong(JsonNode::asLong).toArray();
  }

  private static Tensor tensor(JsonNode shape, JsonNode values) {
    return TestTensors.of(ScalarType.Float, doubles(values), longs(shape));
  }

  private static Tensor images(long seed) {
    return TestTensors.of(
        ScalarType.Float, TestTensors.gaussian(seed, COUNT, 1, 0), IMAGES, 3, 12, 10);
  }

  @Test
  void inputDiversityEqualsInterpolateAndItsGradient() {
    int cases = 0;
    for (JsonNode c : golden.get("diversity")) {
      InputDiversity diversity =
          InputDiversity.defaults()
              .interpolation(Interpolation.valueOf(c.get("mode").asText().toUpperCase(Locale.ROOT)))
              .resizeRate(c.get("rate").asDouble())
              .probability(c.get("probability").asDouble());
      InputTransform.Draw draw =
          new InputTransform.Draw(
              c.get("seed").asLong(),
              c.get("step").asLong(),
              TestTensors.longs(longs(c.get("streams"))));
      Tensor x = tensor(c.get("shape"), c.get("images"));
      Tensor g = tensor(c.get("shape"), c.get("d_out"));
      // Weights, products and sums round once along each axis; weights of a pixel add up to 1.
      assertArrayEquals(
          doubles(c.get("out")),
          TestTensors.doubles(diversity.forward(x, draw)),
          6.01 * ROUNDOFF * LARGEST,
          "forward " + cases);
      // A pixel of the image has weights up to 1 in one line along each axis, and in a second one.
      assertArrayEquals(
          doubles(c.get("d_images")),
          TestTensors.doubles(diversity.backward(g, x, draw)),
          4 * 6.01 * ROUNDOFF * LARGEST,
          "backward " + cases);
      cases++;
    }
    assertEquals(8, cases);
  }

  @Test
  void translationInvarianceEqualsDepthwiseConvolution() {
    int cases = 0;
    for (JsonNode c : golden.get("blur")) {
      TranslationInvariance blur =
          TranslationInvariance.defaults()
              .shape(BlurShape.valueOf(c.get("shape_name").asText().toUpperCase(Locale.ROOT)))
              .length(c.get("length").asInt())
              .deviations(c.get("deviations").asDouble());
      // Two sums of up to 15 terms whose weights add up to 1, each weight rounded.
      assertArrayEquals(
          doubles(c.get("out")),
          TestTensors.doubles(blur.apply(tensor(c.get("shape"), c.get("gradient")))),
          (2 * 15 + 2) * ROUNDOFF * LARGEST,
          "case " + cases);
      cases++;
    }
    assertEquals(4, cases);
  }

  @Test
  void diffusionNoiseEqualsTheProcessOfVcd() {
    int cases = 0;
    for (JsonNode c : golden.get("diffusion")) {
      Tensor out = new Tensor();
      GaussianNoise.diffusion(c.get("step").asInt())
          .seed(c.get("seed").asLong())
          .applyInto(
              tensor(c.get("shape"), c.get("images")),
              TestTensors.longs(longs(c.get("streams"))),
              out);
      // |z| < 5.77 within 4 ulp; scales, products and the sum round once.
      assertArrayEquals(
          doubles(c.get("out")),
          TestTensors.doubles(out),
          (8 + 3) * ROUNDOFF * 5.77 + 3 * ROUNDOFF * LARGEST,
          "case " + cases);
      cases++;
    }
    assertEquals(4, cases);
    assertThrows(IllegalArgumentException.class, () -> GaussianNoise.diffusion(1000));
  }

  @Test
  void noiseIsStandardNormalAndDoesNotDependOnBatching() {
    GaussianNoise noise = GaussianNoise.ofDeviation(1).seed(42);
    Tensor zeros = TestTensors.of(ScalarType.Float, new double[4 * 300 * 100], 4, 3, 100, 100);
    double[] z = TestTensors.doubles(noise.apply(zeros));
    double mean = Arrays.stream(z).average().orElse(0);
    double variance = Arrays.stream(z).map(v -> v * v).average().orElse(0);
    // Five standard errors.
    assertEquals(0, mean, 5 / Math.sqrt(z.length));
    assertEquals(1, variance, 5 * Math.sqrt(2.0 / z.length));
    Tensor third = new Tensor();
    noise.applyInto(zeros.narrow(0, 2, 1), TestTensors.longs(new long[] {2}), third);
    int image = z.length / 4;
    assertArrayEquals(Arrays.copyOfRange(z, 2 * image, 3 * image), TestTensors.doubles(third));
    assertFalse(Arrays.equals(z, TestTensors.doubles(noise.seed(43).apply(zeros))));
  }

  @Test
  void noiseIsInPixelUnitsAndKeepsItsBounds() {
    PixelSpace space =
        PixelSpace.normalized(new float[] {0.5f, 0.25f, 0.5f}, new float[] {0.5f, 0.25f, 0.125f});
    double[] half = new double[COUNT];
    GaussianNoise noise = GaussianNoise.ofDeviation(0.25).bounds(0, 1).seed(3);
    double[] pixels =
        TestTensors.doubles(
            noise.apply(
                TestTensors.of(
                    ScalarType.Float, Arrays.stream(half).map(v -> 0.5).toArray(), 2, 3, 12, 10)));
    double[] values = new double[COUNT];
    for (int k = 0; k < COUNT; k++) {
      values[k] = (0.5 - space.mean()[k / PLANE % 3]) / space.std()[k / PLANE % 3];
    }
    double[] found =
        TestTensors.doubles(
            noise.pixelSpace(space).apply(TestTensors.of(ScalarType.Float, values, 2, 3, 12, 10)));
    for (int k = 0; k < COUNT; k++) {
      assertTrue(pixels[k] >= 0 && pixels[k] <= 1);
      double back = found[k] * space.std()[k / PLANE % 3] + space.mean()[k / PLANE % 3];
      assertEquals(pixels[k], back, 1e-6, "pixel " + k);
    }
  }

  /** The gradient comes back through the transpose: <forward(x), g> = <x, backward(g)>. */
  @Test
  void backwardIsTheTranspose() {
    InputDiversity diversity = InputDiversity.defaults().resizeRate(0.4).probability(1);
    for (int step = 0; step < 20; step++) {
      InputTransform.Draw draw = new InputTransform.Draw(9, step, null);
      Tensor x = images(step);
      Tensor g = images(100 + step);
      double left =
          TestTensors.scalar(diversity.forward(x, draw).to(ScalarType.Double).mul(g).sum());
      double right =
          TestTensors.scalar(diversity.backward(g, x, draw).to(ScalarType.Double).mul(x).sum());
      // 720 products of unit normals, each with the roundings of one pixel.
      assertEquals(left, right, 6 * ROUNDOFF * COUNT, "step " + step);
    }
  }

  /** An attack sees through both: the gradient at the image is blurred after it came back. */
  @Test
  void attacksTakeBoth() {
    Tensor clean = images(1).sigmoid();
    Tensor weights = images(2);
    Attack attack =
        Pgd.linf()
            .steps(4)
            .seed(7)
            .inputTransform(InputDiversity.defaults().probability(1))
            .gradientTransform(TranslationInvariance.defaults().length(3))
            .minimise(x -> x.mul(weights).sum(1, 2, 3), PixelBatch.of(clean));
    for (int image = 0; image < IMAGES; image++) {
      assertTrue(attack.objectiveAfter()[image] < attack.objectiveBefore()[image]);
    }
  }

  @Test
  void refusalsAreSentences() {
    Tensor flat = TestTensors.of(ScalarType.Float, new double[24], 2, 3, 4);
    String text =
        assertThrows(
                IllegalArgumentException.class, () -> TranslationInvariance.defaults().apply(flat))
            .getMessage();
    assertEquals(
        "eqp_translation_invariance: gradient: expected 4 dimensions, found 3, shape [2, 3, 4]",
        text);
    Tensor x = images(1);
    InputTransform.Draw draw = new InputTransform.Draw(1, 2, null);
    text =
        assertThrows(
                IllegalArgumentException.class,
                () -> InputDiversity.defaults().forwardInto(x, draw, x))
            .getMessage();
    assertTrue(
        text.startsWith("eqp_input_diversity_forward: out: expected memory disjoint from images"),
        text);
  }
}
