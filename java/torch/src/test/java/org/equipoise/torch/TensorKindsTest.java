package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.kernels.AdvantageScale;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The same values in tensors that LibTorch keeps in different ways. */
class TensorKindsTest {
  private static final double[] VALUES = {1, 2, 3, 6};
  private static final double[] CENTRED = {-2, -1, 0, 3};

  private final GroupAdvantage centre = GroupAdvantage.trl().scale(AdvantageScale.NONE);
  private PointerScope scope;

  @BeforeEach
  void open() {
    scope = new PointerScope();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Tensor values(ScalarType type) {
    return TestTensors.of(type, VALUES, 4);
  }

  private void centred(Tensor rewards) {
    assertArrayEquals(CENTRED, TestTensors.doubles(centre.apply(rewards, 4)));
  }

  @Test
  void plainTensorsAndTheirViews() {
    for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.Double}) {
      centred(values(type));
      centred(values(type).set_requires_grad(true));
      centred(TestTensors.of(type, new double[] {9, 9, 1, 2, 3, 6, 9}, 7).narrow(0, 2, 4));
      Tensor pairs = TestTensors.of(type, new double[] {1, 9, 2, 9, 3, 9, 6, 9}, 4, 2);
      centred(pairs.narrow(1, 0, 1));
      centred(TestTensors.of(type, new double[] {9, 1, 2, 3, 6}, 5).narrow(0, 1, 4).detach());
    }
  }

  @Test
  void moreDimensionsThanATensorHoldsInPlace() {
    Tensor deep = values(ScalarType.Float).view(1, 1, 2, 1, 2, 1);
    String text =
        assertThrows(IllegalArgumentException.class, () -> centre.apply(deep, 4)).getMessage();
    assertEquals("eqp_group_advantage: rewards: expected at most 4 dimensions, found ndim 6", text);
  }

  @Test
  void tensorsOfInferenceMode() {
    try (InferenceMode mode = new InferenceMode()) {
      centred(values(ScalarType.Float));
      mode.deallocate();
    }
  }

  @Test
  void aLazyCloneIsWrittenWithoutItsOriginal() {
    Tensor original = values(ScalarType.Float);
    Tensor lazy = original._lazy_clone();
    centred(lazy);
    Tensor target = original._lazy_clone();
    centre.applyInto(original, 4, target);
    assertArrayEquals(VALUES, TestTensors.doubles(original));
    assertArrayEquals(CENTRED, TestTensors.doubles(target));
  }

  @Test
  void emptyTensors() {
    Tensor none = TestTensors.of(ScalarType.Float, new double[0], 0);
    assertEquals(0, centre.apply(none, 4).numel());
    centred(TestTensors.of(ScalarType.Float, VALUES, 4, 1).view(4));
  }

  @Test
  void memoryOfTheCaller() {
    FloatPointer memory = new FloatPointer(1, 2, 3, 6);
    centred(torch.from_blob(memory, 4));
  }

  @Test
  void aTensorWhoseDataWasReplaced() {
    Tensor tensor = TestTensors.of(ScalarType.Float, new double[] {7, 7}, 2);
    tensor.set_data(values(ScalarType.Float));
    centred(tensor);
    tensor.resize_(2);
    assertArrayEquals(new double[] {-.5, .5}, TestTensors.doubles(centre.apply(tensor, 2)));
  }
}
