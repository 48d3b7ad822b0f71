package org.equipoise.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.javacpp.SizeTPointer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Kernels, streams and events on a real GPU. Without one these tests fail; nothing is skipped. */
@Tag("cuda")
class CudaKernelsTest {
  /**
   * Twice the bound of an f32 sum of 1501 terms, (8 + 3 sqrt 1501) 2^-24 = 7.4e-6, because both
   * backends have it, and a few ulp of their exponentials and logarithms.
   */
  private static final double F32_TOLERANCE = 2e-5;

  @BeforeAll
  static void aDeviceIsThere() {
    String info = Equipoise.info();
    try {
      CudaStream.on(0).close();
    } catch (DeviceException e) {
      throw new AssertionError("tests tagged cuda need a GPU: " + e.getMessage(), e);
    }
    assertTrue(info.lines().anyMatch(line -> line.matches("cuda: \\d+ devices?, first .*")), info);
  }

  static Stream<Arguments> cases() {
    return KernelCase.all().stream()
        .flatMap(kernel -> kernel.types.stream().map(type -> Arguments.of(kernel, type)));
  }

  private static double[] values(ByteBuffer buffer, DataType type) {
    double[] values = new double[buffer.capacity() / type.bytes()];
    for (int i = 0; i < values.length; i++) {
      values[i] = Numbers.get(buffer, type, i);
    }
    return values;
  }

  /** What one rounding to the type changes, of a value and of what lies below the normal range. */
  private static double tolerance(DataType type, double expected) {
    return switch (type) {
      case BF16 -> F32_TOLERANCE * (1 + Math.abs(expected)) + 0x1p-8 * Math.abs(expected);
      case F16 -> F32_TOLERANCE * (1 + Math.abs(expected)) + 0x1p-10 * Math.abs(expected) + 0x1p-24;
      case F32 -> F32_TOLERANCE * (1 + Math.abs(expected));
      default -> 0;
    };
  }

  /** The CPU gets the same values, rounded to the type under test, in f32. */
  @ParameterizedTest
  @MethodSource("cases")
  void everyKernelAgreesWithTheCpu(KernelCase kernel, DataType type) {
    Map<String, ByteBuffer> expected = kernel.memory(DataType.F32, type);
    kernel.run(kernel.views(expected, DataType.F32), null);

    Map<String, ByteBuffer> found = kernel.memory(type, type);
    Map<String, TensorView> host = kernel.views(found, type);
    try (CudaStream stream = CudaStream.on(0)) {
      Map<String, TensorView> device = new LinkedHashMap<>();
      host.forEach((name, tensor) -> device.put(name, stream.copyOf(tensor)));
      kernel.run(device, stream.launch());
      device.forEach((name, tensor) -> stream.copy(tensor, host.get(name)));
      device.values().forEach(TensorView::close);
      stream.synchronize();
    }
    for (KernelCase.Argument argument : kernel.arguments) {
      DataType own = KernelCase.type(argument, type);
      double[] wanted =
          values(expected.get(argument.name()), KernelCase.type(argument, DataType.F32));
      double[] got = values(found.get(argument.name()), own);
      for (int i = 0; i < wanted.length; i++) {
        assertEquals(
            wanted[i],
            got[i],
            argument.output() ? tolerance(own, wanted[i]) : 0,
            argument.name() + "[" + i + "]");
      }
    }
  }

  @Test
  void smallOpsTakeDoubles() {
    try (CudaStream stream = CudaStream.on(0);
        TensorView rewards = stream.copyOf(doubles(1, 3, 5, 5));
        TensorView advantages = stream.empty(DataType.F64, 4)) {
      GroupAdvantageKernel.drGrpo()
          .groupSize(2)
          .applyInto(
              rewards, null, null, null, null, advantages, null, null, null, stream.launch());
      ByteBuffer result = memory(32);
      stream.copy(advantages, TensorView.of(result, DataType.F64, 4));
      stream.synchronize();
      assertArrayEquals(new double[] {-1, 1, 0, 0}, values(result, DataType.F64));
    }
  }

  @Test
  void errorsInDataComeWithTheNextSynchronisation() {
    try (CudaStream stream = CudaStream.on(0);
        TensorView logits = stream.copyOf(floats(0, 0, 0, 0));
        TensorView rows = matrix(logits, 2, 2);
        TensorView good = stream.copyOf(ints(1, 0));
        TensorView bad = stream.copyOf(ints(1, 5));
        TensorView logProbs = stream.empty(DataType.F32, 2)) {
      TokenLogProbsKernel kernel = TokenLogProbsKernel.defaults();
      kernel.forwardInto(rows, null, bad, logProbs, null, null, null, stream.launch());
      String text = assertThrows(IllegalArgumentException.class, stream::synchronize).getMessage();
      assertTrue(
          text.startsWith("eqp_check: targets: expected targets in [0, vocab)")
              && text.contains("row 1"),
          text);
      ByteBuffer result = memory(8);
      stream.copy(logProbs, TensorView.of(result, DataType.F32, 2));
      stream.synchronize(); // reported once, and the stream goes on
      assertEquals(Math.log(0.5), result.getFloat(0), 1e-6);
      assertTrue(Float.isNaN(result.getFloat(4)));
      kernel.forwardInto(rows, null, good, logProbs, null, null, null, stream.launch());
      stream.copy(logProbs, TensorView.of(result, DataType.F32, 2));
      stream.synchronize();
      assertEquals(Math.log(0.5), result.getFloat(4), 1e-6);

      TensorView advantages = stream.empty(DataType.F32, 4);
      TensorView offsets = stream.copyOf(ints(0, 3, 2, 4));
      GroupAdvantageKernel.trl()
          .applyInto(
              logits, null, offsets, null, null, advantages, null, null, null, stream.launch());
      text = assertThrows(IllegalArgumentException.class, stream::synchronize).getMessage();
      assertTrue(text.startsWith("eqp_check: offsets: expected 0 in the first entry"), text);
    }
  }

  @Test
  void closingReportsErrorsInDataThatNobodyAskedFor() {
    CudaStream stream = CudaStream.on(0);
    try (TensorView logits = stream.copyOf(floats(0, 0));
        TensorView row = matrix(logits, 1, 2);
        TensorView bad = stream.copyOf(ints(-1));
        TensorView logProbs = stream.empty(DataType.F32, 1)) {
      TokenLogProbsKernel.defaults()
          .forwardInto(row, null, bad, logProbs, null, null, null, stream.launch());
      assertThrows(IllegalArgumentException.class, stream::close);
      stream.close();
      assertThrows(IllegalStateException.class, stream::launch);
    }
  }

  /** A chain over two streams, each link of which is long enough to be overtaken without events. */
  @Test
  void streamsWaitForEvents() {
    int elements = 1 << 24;
    try (CudaStream first = CudaStream.on(0);
        CudaStream second = CudaStream.on(0);
        CudaEvent start = first.record();
        CudaEvent event = CudaEvent.on(0)) {
      assertTrue(event.reached(), "an event that was never recorded is reached");
      Pointer host = first.allocateHost(4L * elements);
      FloatPointer numbers = new FloatPointer(host);
      for (int i = 0; i < elements; i++) {
        numbers.put(i, i % 1000);
      }
      TensorView source = TensorView.of(host, DataType.F32, elements);
      TensorView a = first.empty(DataType.F32, elements);
      TensorView b = first.empty(DataType.F32, elements);
      for (int round = 0; round < 4; round++) {
        first.copy(source, a);
        first.record(event);
        second.waitFor(event);
        second.copy(a, b);
        second.record(event);
        first.waitFor(event);
      }
      Pointer back = first.allocateHost(4L * elements);
      first.copy(b, TensorView.of(back, DataType.F32, elements));
      CudaEvent end = first.record();
      end.synchronize();
      assertTrue(end.reached() && start.reached() && first.isDone());
      assertTrue(end.millisecondsSince(start) > 0);
      FloatPointer result = new FloatPointer(back);
      for (int i = 0; i < elements; i++) {
        assertEquals(i % 1000, result.get(i));
      }
      end.close();
      end.close();
      assertThrows(IllegalStateException.class, end::reached);
      a.close();
      b.close();
    }
  }

  /** Tensors that the program drops, closes or scopes away right after the call. */
  @Test
  void queuedWorkKeepsItsTensors() {
    int elements = 1 << 22;
    int rounds = 30;
    List<ByteBuffer> results = new ArrayList<>();
    try (CudaStream stream = CudaStream.on(0)) {
      for (int round = 0; round < rounds; round++) {
        ByteBuffer result = memory(4 * elements);
        results.add(result);
        try (PointerScope scope = new PointerScope()) {
          Pointer host = stream.allocateHost(4L * elements);
          new FloatPointer(host).put(0, round).put(elements - 1L, -round);
          TensorView original = stream.copyOf(TensorView.of(host, DataType.F32, elements));
          TensorView copy = stream.copyOf(original);
          original.close();
          stream.copy(copy, TensorView.of(result, DataType.F32, elements));
        }
        if (round % 10 == 0) {
          System.gc();
        }
      }
      stream.synchronize();
      for (int round = 0; round < rounds; round++) {
        assertEquals(round, results.get(round).getFloat(0));
        assertEquals(-round, results.get(round).getFloat(4 * (elements - 1)));
      }
    }
  }

  /** Free device memory after many streams, events, tensors and calls is what it was before. */
  @Test
  void loopsLeaveNothingBehind() {
    loop(20);
    long before = freeBytes();
    loop(500);
    // Less than one of the 500 tensors of 4 MiB, or of the 500 workspaces, may be missing.
    assertTrue(before - freeBytes() < 4 << 20, before + " bytes became " + freeBytes());
  }

  private static void loop(int rounds) {
    KernelCase kernel = KernelCase.all().get(0);
    Map<String, TensorView> host =
        kernel.views(kernel.memory(DataType.F32, DataType.F32), DataType.F32);
    for (int round = 0; round < rounds; round++) {
      try (CudaStream stream = CudaStream.on(0);
          CudaEvent event = stream.record();
          TensorView large = stream.empty(DataType.U8, 4 << 20)) {
        Map<String, TensorView> device = new LinkedHashMap<>();
        host.forEach((name, tensor) -> device.put(name, stream.copyOf(tensor)));
        for (int call = 0; call < 3 * Retention.CALLS_PER_MARK; call++) {
          kernel.run(device, stream.launch());
        }
        stream.waitFor(event);
        device.values().forEach(TensorView::close);
      }
    }
  }

  /** The retention of a stream that is only used, never waited for, stays small. */
  @Test
  void streamsLetGoWithoutSynchronisation() throws InterruptedException {
    long before = freeBytes();
    try (CudaStream stream = CudaStream.on(0)) {
      for (int round = 0; round < 200; round++) {
        try (TensorView tensor = stream.empty(DataType.U8, 64 << 20)) {
          stream.copyOf(tensor).close();
        }
      }
      // 25 GiB passed through; what is held belongs to the last few calls.
      assertTrue(before - freeBytes() < 8L << 30);
      while (!stream.isDone()) {
        Thread.sleep(1);
      }
    }
  }

  @Test
  void anUnreachableStreamFreesItselfAfterItsWork() throws InterruptedException {
    // The driver keeps what so many streams at once needed.
    List<CudaStream> streams = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      streams.add(CudaStream.on(0));
    }
    streams.forEach(CudaStream::close);
    long before = freeBytes();
    for (int i = 0; i < 64; i++) {
      CudaStream stream = CudaStream.on(0);
      stream.copyOf(floats(1, 2)).close();
    }
    for (int i = 0; i < 100 && before - freeBytes() > 2 << 20; i++) {
      LaunchTest.collect();
    }
    assertTrue(before - freeBytes() <= 2 << 20, before + " bytes became " + freeBytes());
  }

  @Test
  void aStreamOutlivesTheScopeItWasMadeIn() {
    CudaStream stream;
    try (PointerScope scope = new PointerScope()) {
      stream = CudaStream.on(0);
    }
    try (TensorView rewards = stream.copyOf(floats(1, 3));
        TensorView advantages = stream.empty(DataType.F32, 2)) {
      GroupAdvantageKernel.drGrpo()
          .groupSize(2)
          .applyInto(
              rewards, null, null, null, null, advantages, null, null, null, stream.launch());
      ByteBuffer result = memory(8);
      stream.copy(advantages, TensorView.of(result, DataType.F32, 2));
      stream.synchronize();
      assertEquals(-1, result.getFloat(0));
    }
    stream.close();
  }

  @Test
  void refusalsAreSentences() {
    try (CudaStream stream = CudaStream.on(0);
        TensorView two = stream.copyOf(floats(1, 2))) {
      assertThrows(IllegalArgumentException.class, () -> stream.copy(two, floats(1)));
      assertThrows(IllegalArgumentException.class, () -> stream.copy(two, ints(1, 2)));
      assertThrows(IllegalArgumentException.class, () -> stream.allocate(-1));
      assertThrows(IllegalArgumentException.class, () -> stream.empty(DataType.F32, -1));
      String text =
          assertThrows(DeviceException.class, () -> stream.allocate(1L << 50)).getMessage();
      assertTrue(text.contains("CUDA error 2 (cudaErrorMemoryAllocation"), text);
      text = assertThrows(DeviceException.class, () -> CudaStream.on(999)).getMessage();
      assertTrue(text.startsWith("expected a CUDA device from 0 to "), text);
      try (TensorView elsewhere =
          TensorView.strided(null, DataType.F32, Device.cuda(7), new long[] {0}, new long[] {1})) {
        assertEquals(
            "expected tensors on the device of the stream, cuda:0, found " + elsewhere,
            assertThrows(
                    IllegalArgumentException.class,
                    () ->
                        GroupAdvantageKernel.trl()
                            .groupSize(2)
                            .applyInto(
                                elsewhere,
                                null,
                                null,
                                null,
                                null,
                                elsewhere,
                                null,
                                null,
                                null,
                                stream.launch()))
                .getMessage());
      }
      try (CudaEvent unrecorded = CudaEvent.on(0);
          CudaEvent event = stream.record()) {
        assertThrows(DeviceException.class, () -> event.millisecondsSince(unrecorded));
      }
      stream.synchronize(); // none of this harms the stream
    }
  }

  /** Pointers of another binding: the raw presets, the stream and workspace made by hand. */
  @Test
  void rawPointersAreEnough() {
    long bytes = Launch.sufficientWorkspaceBytes();
    try (CudaStream stream = CudaStream.on(0);
        Pointer workspace = stream.allocate(bytes);
        TensorView rewards = stream.copyOf(floats(1, 3))) {
      assertEquals(cudart.cudaSuccess, cudart.cudaMemset(workspace, 0, bytes));
      try (Launch launch = Launch.of(workspace, bytes, stream.pointer());
          TensorView advantages = stream.empty(DataType.F32, 2)) {
        GroupAdvantageKernel.drGrpo()
            .groupSize(2)
            .applyInto(rewards, null, null, null, null, advantages, null, null, null, launch);
        launch.check();
        ByteBuffer result = memory(8);
        stream.copy(advantages, TensorView.of(result, DataType.F32, 2));
        stream.synchronize();
        assertEquals(-1, result.getFloat(0));
        assertEquals(1, result.getFloat(4));
      }
    }
  }

  @Test
  void eventsAndStreamsTellWhatIsRunning() {
    try (CudaStream stream = CudaStream.on(0)) {
      TensorView large = stream.empty(DataType.U8, 1L << 30);
      TensorView other = stream.empty(DataType.U8, 1L << 30);
      for (int i = 0; i < 50; i++) {
        stream.copy(large, other);
      }
      CudaEvent end = stream.record();
      // 100 GiB of traffic take at least 10 ms on any GPU there is.
      assertFalse(end.reached());
      assertFalse(stream.isDone());
      stream.synchronize();
      assertTrue(end.reached() && stream.isDone());
      end.close();
      large.close();
      other.close();
    }
  }

  private static long freeBytes() {
    try (SizeTPointer free = new SizeTPointer(1);
        SizeTPointer total = new SizeTPointer(1)) {
      assertEquals(cudart.cudaSuccess, cudart.cudaMemGetInfo(free, total));
      return free.get();
    }
  }

  private static ByteBuffer memory(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
  }

  private static TensorView vector(DataType type, double... values) {
    ByteBuffer buffer = memory(type.bytes() * values.length);
    for (int i = 0; i < values.length; i++) {
      Numbers.put(buffer, type, i, values[i]);
    }
    return TensorView.of(buffer, type, values.length);
  }

  private static TensorView floats(double... values) {
    return vector(DataType.F32, values);
  }

  private static TensorView doubles(double... values) {
    return vector(DataType.F64, values);
  }

  private static TensorView ints(double... values) {
    return vector(DataType.I32, values);
  }

  /** The same device memory with two dimensions. */
  private static TensorView matrix(TensorView tensor, long rows, long columns) {
    return TensorView.strided(
        (Pointer) tensor.owner(),
        tensor.type(),
        tensor.device(),
        new long[] {rows, columns},
        new long[] {columns, 1});
  }
}
