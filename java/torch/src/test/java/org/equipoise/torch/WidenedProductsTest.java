package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Against double precision: one rounding to 16 bits, whatever the matrix's blocks. */
class WidenedProductsTest {
  private static final long ROWS = 5;
  private static final long IN = 40_000; // of which 16 rows are a block of the matrix
  private static final long OUT = 40;

  /** Half a unit of the last of 8 or 11 bits, and float32's sums. */
  private static double rounding(ScalarType type) {
    return (type == ScalarType.BFloat16 ? 0x1p-8 : 0x1p-11) + 1e-5;
  }

  private static Tensor random(ScalarType type, long... shape) {
    return torch.rand(shape).sub(new Scalar(0.25)).to(type);
  }

  private static void close(Tensor exact, Tensor found, ScalarType type) {
    double worst =
        TestTensors.scalar(found.to(ScalarType.Double).sub(exact).div(exact).abs().max());
    assertTrue(worst <= rounding(type), "relative error " + worst);
  }

  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"BFloat16", "Half"})
  void productsWithTheMatrixAndWithItsTranspose(ScalarType type) {
    Tensor matrix = random(type, OUT, IN).mul(new Scalar(0.01));
    Tensor exact = matrix.to(ScalarType.Double);
    Tensor x = random(type, ROWS, IN);
    Tensor forward = WidenedProducts.byTransposed(x, matrix);
    assertEquals(type.value, forward.scalar_type().value);
    close(x.to(ScalarType.Double).mm(exact.t()), forward, type);
    Tensor y = random(type, ROWS, OUT).add(new Scalar(0.25));
    Tensor back = torch.empty(ROWS, IN).to(type);
    WidenedProducts.byInto(y, matrix.add(new Scalar(0.25)), back);
    close(
        y.to(ScalarType.Double).mm(matrix.add(new Scalar(0.25)).to(ScalarType.Double)), back, type);
  }

  @Test
  void theMatrixsGradientIsAddedInFloat32() {
    long tokens = 70_000; // so that 16 of its rows are a block
    Tensor y = random(ScalarType.BFloat16, tokens, 40);
    Tensor x = random(ScalarType.BFloat16, tokens, 3);
    Tensor sum = torch.ones(40, 3);
    WidenedProducts.addTransposedBy(y, x, sum);
    Tensor exact = y.to(ScalarType.Double).t().mm(x.to(ScalarType.Double)).add(new Scalar(1.0));
    double worst = TestTensors.scalar(sum.to(ScalarType.Double).sub(exact).div(exact).abs().max());
    assertTrue(worst <= 1e-4, "relative error " + worst);
  }

  @Test
  void onlySixteenBitMatricesAreEverWidened() {
    assertFalse(WidenedProducts.pay(torch.ones(2, 2)));
    assertFalse(WidenedProducts.pay(torch.ones(2, 2).to(ScalarType.Double)));
  }
}
