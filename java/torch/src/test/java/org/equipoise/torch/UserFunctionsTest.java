package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Functions of a caller's own that give nothing are refused by what they are. */
class UserFunctionsTest {
  private static final Function<Tensor, Tensor> SUM = images -> images.sum(1, 2, 3);

  private PointerScope scope;
  private PixelBatch batch;

  @BeforeEach
  void open() {
    scope = new PointerScope();
    batch = PixelBatch.of(TestTensors.of(ScalarType.Float, new double[12], 1, 3, 2, 2));
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Pgd attack() {
    return Pgd.linf().epsilon(0.1).stepSize(0.05).steps(1).seed(1);
  }

  private static void assertRefused(Runnable call, String said) {
    String message = assertThrows(IllegalArgumentException.class, call::run).getMessage();
    assertTrue(message.contains(said), message);
  }

  @Test
  void objectivesAndTransformations() {
    assertRefused(
        () -> attack().minimise(images -> null, batch),
        "objective: expected one value per image, [1], found null");
    assertRefused(
        () -> attack().minimise(images -> new Tensor(), batch),
        "objective: expected one value per image, [1], found");
    assertRefused(
        () -> attack().gradientTransform(gradient -> null).minimise(SUM, batch),
        "gradient: expected a tensor, found null");
    InputTransform nothing = InputTransform.differentiable((images, draw) -> null);
    assertRefused(
        () -> attack().inputTransform(nothing).minimise(SUM, batch),
        "transformation: expected a tensor, found null");
  }

  @Test
  void losses() {
    Tensor hidden = TestTensors.leaf(ScalarType.Float, new double[6], 2, 3);
    Tensor targets = TestTensors.ints(new int[] {0, 1});
    FusedLinear head = FusedLinear.head(torch.ones(4, 3));
    assertRefused(
        () -> head.loss(hidden, targets, logProbs -> null),
        "function: expected a loss, found null");
    assertRefused(
        () -> head.loss(hidden, targets, logProbs -> (ScalarLoss) () -> null),
        "function: expected a loss, found null");
    assertRefused(
        () -> head.tokenLoss(hidden, targets, logProbs -> null),
        "function: expected a loss, found null");
  }
}
