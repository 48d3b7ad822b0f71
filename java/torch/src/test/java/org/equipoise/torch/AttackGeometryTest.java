package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.PixelSpace;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Attacks on Qwen2-VL's packed patches, of images of two sizes in one batch, against the same
 * attacks on the images.
 */
class AttackGeometryTest {
  private static final int PATCH = 14;
  private static final int MERGE = 2;
  private static final int[][] SIZES = {{28, 56}, {56, 28 * 3}};
  private static final float[] MEAN = {0.48145466f, 0.4578275f, 0.40821073f};
  private static final float[] STD = {0.26862954f, 0.26130258f, 0.27577711f};
  private static final PixelSpace SPACE = PixelSpace.normalized(MEAN, STD);

  private final double[][] images = new double[2][];
  private final double[][] curvature = new double[2][];
  private final double[][] target = new double[2][];
  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
    Random random = new Random(4);
    for (int i = 0; i < 2; i++) {
      int count = 3 * SIZES[i][0] * SIZES[i][1];
      images[i] = random.doubles(count).map(u -> Math.floor(u * 256) / 255).toArray();
      curvature[i] = random.doubles(count, 0.5, 1.5).toArray();
      int image = i;
      target[i] = new double[count];
      Arrays.setAll(target[i], k -> images[image][k] + 0.05 * random.nextGaussian());
    }
  }

  @AfterEach
  void close() {
    scope.close();
  }

  /** Where a pixel of the image stands in its first temporal copy, in the processor's order. */
  private static int packedIndex(int[] size, int channel, int y, int x) {
    int merged = PATCH * MERGE;
    int inRow = (y % merged / PATCH) * MERGE + x % merged / PATCH;
    int patch = (y / merged * (size[1] / merged) + x / merged) * MERGE * MERGE + inRow;
    int pixel = y % PATCH * PATCH + x % PATCH;
    return (patch * 3 + channel) * 2 * PATCH * PATCH + pixel;
  }

  /** Both images, each pixel twice; per channel mapped by {@code value}. */
  private static double[] pack(double[][] of, BiFunction<Integer, Double, Double> value) {
    int total = 0;
    for (double[] image : of) {
      total += 2 * image.length;
    }
    double[] packed = new double[total];
    int offset = 0;
    for (int i = 0; i < of.length; i++) {
      int plane = SIZES[i][0] * SIZES[i][1];
      for (int k = 0; k < of[i].length; k++) {
        int c = k / plane;
        int at = offset + packedIndex(SIZES[i], c, k % plane / SIZES[i][1], k % SIZES[i][1]);
        packed[at] = packed[at + PATCH * PATCH] = value.apply(c, of[i][k]);
      }
      offset += 2 * of[i].length;
    }
    return packed;
  }

  private static double[] unpack(double[] packed, int image, int copy) {
    int offset = image == 0 ? 0 : 2 * 3 * SIZES[0][0] * SIZES[0][1];
    int plane = SIZES[image][0] * SIZES[image][1];
    double[] pixels = new double[3 * plane];
    for (int k = 0; k < pixels.length; k++) {
      int at =
          packedIndex(SIZES[image], k / plane, k % plane / SIZES[image][1], k % SIZES[image][1]);
      pixels[k] = packed[offset + at + copy * PATCH * PATCH];
    }
    return pixels;
  }

  private static Tensor patches(double[] packed) {
    return TestTensors.of(ScalarType.Float, packed, packed.length / (3 * 2 * PATCH * PATCH), 1176);
  }

  private static long[] offsets() {
    long first = (long) SIZES[0][0] * SIZES[0][1] / (PATCH * PATCH);
    return new long[] {0, first, first + (long) SIZES[1][0] * SIZES[1][1] / (PATCH * PATCH)};
  }

  private PixelBatch packedBatch() {
    double[] values = pack(images, (c, pixel) -> (double) (float) ((pixel - MEAN[c]) / STD[c]));
    return PixelBatch.packed(patches(values), 3, 2, offsets()).pixelSpace(SPACE);
  }

  private Function<Tensor, Tensor> imageObjective(int image) {
    long[] shape = {1, 3, SIZES[image][0], SIZES[image][1]};
    Tensor a = TestTensors.of(ScalarType.Float, curvature[image], shape);
    Tensor b = TestTensors.of(ScalarType.Float, target[image], shape);
    return x -> x.sub(b).square().mul(a).sum(1, 2, 3);
  }

  /** The same of packed patches; it looks at the copies with unequal weights. */
  private Function<Tensor, Tensor> packedObjective() {
    Tensor a = patches(pack(curvature, (c, v) -> v)).view(-1, 3, 2, PATCH * PATCH).select(2, 0);
    Tensor b = patches(pack(target, (c, v) -> v)).view(-1, 3, 2, PATCH * PATCH).select(2, 0);
    Tensor mean = Tensor.create(MEAN, 1, 3, 1).clone();
    Tensor std = Tensor.create(STD, 1, 3, 1).clone();
    long first = offsets()[1];
    return x -> {
      Tensor copies = x.view(-1, 3, 2, PATCH * PATCH);
      Tensor value =
          copies
              .select(2, 0)
              .mul(new Scalar(0.3))
              .add(copies.select(2, 1).mul(new Scalar(0.7)))
              .mul(std)
              .add(mean);
      Tensor each = value.sub(b).square().mul(a).sum(1, 2);
      return org.bytedeco.pytorch.global.torch.stack(
          new org.bytedeco.pytorch.TensorVector(
              each.narrow(0, 0, first).sum(), each.narrow(0, first, each.size(0) - first).sum()));
    };
  }

  private interface Run {
    Attack on(Function<Tensor, Tensor> objective, PixelBatch batch);
  }

  private void sameAsOnImages(Run attack, boolean onGrid) {
    Attack packed = attack.on(packedObjective(), packedBatch());
    double[] values = TestTensors.doubles(packed.adversarial());
    double[] codes = TestTensors.doubles(packed.codes());
    assertArrayEquals(new long[] {offsets()[2], 1176}, packed.codes().shape());
    for (int i = 0; i < 2; i++) {
      Tensor image = TestTensors.of(ScalarType.Float, images[i], 1, 3, SIZES[i][0], SIZES[i][1]);
      Attack alone = attack.on(imageObjective(i), PixelBatch.of(image));
      assertArrayEquals(unpack(values, i, 0), unpack(values, i, 1), "copies of image " + i);
      assertEquals(alone.objectiveAfter()[0], packed.objectiveAfter()[i], 1e-4);
      assertEquals(alone.distances()[0], packed.distances()[i], 1e-5);
      double[] pixels = unpack(values, i, 0);
      int plane = pixels.length / 3;
      for (int k = 0; k < pixels.length; k++) {
        pixels[k] = pixels[k] * STD[k / plane] + MEAN[k / plane];
      }
      assertArrayEquals(TestTensors.doubles(alone.adversarial()), pixels, FLOAT);
      if (onGrid) {
        assertArrayEquals(TestTensors.doubles(alone.codes()), unpack(codes, i, 0));
      }
    }
  }

  /** Roundings of the space and back, of values up to 2.2, over the steps. */
  private static final double FLOAT = 5e-6;

  @Test
  void linfWithMomentumOnTheGrid() {
    Pgd attack = Pgd.bim().steps(5).momentum(1);
    sameAsOnImages(attack::maximise, true);
    sameAsOnImages(attack::minimise, true);
    sameAsOnImages(Pgd.fgsm(4 / 255.0)::maximise, true);
    sameAsOnImages(attack.nesterov(true)::maximise, true);
  }

  @Test
  void l2OffTheGrid() {
    Pgd attack = Pgd.l2().randomStart(false).epsilon(1.5).stepSize(0.5).steps(5).eightBit(false);
    sameAsOnImages(attack::maximise, false);
    sameAsOnImages(attack.momentum(1)::minimise, false);
  }

  @Test
  void apgdOffTheGrid() {
    sameAsOnImages(Apgd.linf().randomStart(false).steps(12).eightBit(false)::maximise, false);
    sameAsOnImages(
        Apgd.l2().epsilon(1.5).randomStart(false).steps(12).eightBit(false)::minimise, false);
  }

  @Test
  void randomStartsOfPackedPatchesStayInTheBallAndDoNotDependOnBatching() {
    PixelBatch both = packedBatch();
    long first = offsets()[1];
    for (Pgd attack : new Pgd[] {Pgd.linf().steps(0), Pgd.l2().epsilon(2).steps(0)}) {
      Pgd raw = attack.eightBit(false);
      Attack start = raw.maximise(packedObjective(), both.streams(7, 8));
      double limit = raw.epsilon() * (1 + 1e-5);
      for (double distance : start.distances()) {
        assertTrue(distance > 0 && distance <= limit, "distance " + distance);
      }
      Tensor rows = both.tensor().narrow(0, first, offsets()[2] - first);
      PixelBatch second =
          PixelBatch.packed(rows, 3, 2, 0, rows.size(0)).pixelSpace(SPACE).streams(8);
      Attack alone = raw.maximise(x -> x.sum(), second);
      assertArrayEquals(
          TestTensors.doubles(start.adversarial().narrow(0, first, rows.size(0))),
          TestTensors.doubles(alone.adversarial()));
    }
  }

  @Test
  void masksOfPatches() {
    PixelBatch batch = packedBatch();
    long rows = batch.tensor().size(0);
    Tensor mask =
        TestTensors.of(
            ScalarType.Byte, new double[(int) rows * PATCH * PATCH], rows, PATCH * PATCH);
    mask.narrow(0, 0, 3).fill_(new Scalar(1));
    Attack attack =
        Pgd.bim().steps(3).eightBit(false).maximise(packedObjective(), batch.mask(mask));
    double[] before = TestTensors.doubles(batch.tensor());
    double[] after = TestTensors.doubles(attack.adversarial());
    int moved = 0;
    for (int k = 0; k < before.length; k++) {
      boolean free = k < 3 * 1176;
      moved += free && before[k] != after[k] ? 1 : 0;
      assertTrue(free || before[k] == after[k], "element " + k);
    }
    assertTrue(moved > 3 * 1176 / 2, "moved elements: " + moved);
  }

  @Test
  void refusals() {
    Tensor tensor = patches(new double[2 * 1176]);
    assertThrows(IllegalArgumentException.class, () -> PixelBatch.packed(tensor, 5, 2, 0, 2));
    assertThrows(IllegalArgumentException.class, () -> PixelBatch.packed(tensor, 3, 2, 0, 3));
    assertThrows(IllegalArgumentException.class, () -> PixelBatch.packed(tensor, 3, 2, 0, 2, 1, 2));
    assertThrows(IllegalArgumentException.class, () -> PixelBatch.of(tensor));
    assertThrows(
        IllegalArgumentException.class, () -> PixelBatch.packed(tensor, 3, 2, 0, 2).streams(1, 2));
    assertThrows(IllegalArgumentException.class, () -> Pgd.linf().nesterov(true));
    assertThrows(IllegalArgumentException.class, () -> Pgd.linf().samples(0));
  }
}
