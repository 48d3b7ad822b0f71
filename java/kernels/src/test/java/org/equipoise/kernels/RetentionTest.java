package org.equipoise.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.junit.jupiter.api.Test;

/** Streams keep what their work uses; marks stand for CUDA events. */
class RetentionTest {
  private static final class FakeMark implements Retention.Mark {
    boolean reached;
    boolean closed;

    @Override
    public boolean reached() {
      return reached;
    }

    @Override
    public void close() {
      closed = true;
    }
  }

  private final List<FakeMark> marks = new ArrayList<>();
  private final Retention retention =
      new Retention(
          () -> {
            marks.add(new FakeMark());
            return marks.get(marks.size() - 1);
          });

  /** A call on a tensor that nobody but the retention knows afterwards. */
  private WeakReference<ByteBuffer> call() {
    ByteBuffer memory = ByteBuffer.allocateDirect(16);
    retention.beforeCall(TensorView.of(memory, DataType.F32, 4), null);
    return new WeakReference<>(memory);
  }

  private static void assertCollected(WeakReference<?> reference) throws InterruptedException {
    for (int i = 0; i < 50 && reference.get() != null; i++) {
      LaunchTest.collect();
    }
    assertNull(reference.get());
  }

  @Test
  void memoryOutlivesTheGarbageCollectorUntilItIsReleased() throws InterruptedException {
    WeakReference<ByteBuffer> memory = call();
    for (int i = 0; i < 5; i++) {
      LaunchTest.collect();
    }
    assertNotNull(memory.get());
    retention.releaseAll();
    assertEquals(0, retention.size());
    assertCollected(memory);
  }

  @Test
  void aReachedMarkReleasesWhatLiesBeforeItOnly() throws InterruptedException {
    List<WeakReference<ByteBuffer>> memory = new ArrayList<>();
    for (int i = 0; i < 2 * Retention.CALLS_PER_MARK; i++) {
      memory.add(call());
    }
    assertEquals(1, marks.size(), "the second mark belongs behind the last call");
    assertEquals(memory.size(), retention.size());
    WeakReference<ByteBuffer> last = call();
    assertEquals(2, marks.size());
    marks.get(1).reached = true; // impossible on a stream: the first one blocks the queue
    retention.releaseReached();
    assertEquals(memory.size() + 1, retention.size());
    marks.get(0).reached = true;
    marks.get(1).reached = false;
    retention.releaseReached();
    assertEquals(Retention.CALLS_PER_MARK + 1, retention.size());
    assertTrue(marks.get(0).closed);
    assertFalse(marks.get(1).closed);
    assertCollected(memory.get(0));
    assertCollected(memory.get(Retention.CALLS_PER_MARK - 1));
    assertNotNull(memory.get(Retention.CALLS_PER_MARK).get());
    assertNotNull(last.get());
    retention.releaseAll();
    assertTrue(marks.get(1).closed);
    assertCollected(last);
  }

  @Test
  void aPointerOutlivesItsScope() {
    FloatPointer memory;
    try (PointerScope scope = new PointerScope()) {
      memory = new FloatPointer(4);
      retention.beforeCall(TensorView.of(memory, DataType.F32, 4));
      retention.beforeCall(memory);
    }
    assertFalse(memory.isNull());
    retention.releaseAll();
    assertTrue(memory.isNull());
  }

  @Test
  void aPointerOfTheGarbageCollectorIsNotFreed() {
    try (FloatPointer memory = new FloatPointer(4)) {
      retention.beforeCall(TensorView.of(memory, DataType.F32, 4));
      retention.releaseAll();
      assertFalse(memory.isNull());
    }
  }

  @Test
  void aClosedTensorKeepsItsOwnMemoryUntilItIsReleased() {
    FloatPointer memory = new FloatPointer(4);
    TensorView tensor = TensorView.owning(memory, DataType.F32, Device.CPU, 4);
    retention.beforeCall(tensor);
    tensor.close();
    tensor.close();
    assertFalse(memory.isNull());
    retention.releaseAll();
    assertTrue(memory.isNull());
  }

  @Test
  void aClosedTensorFreesItsOwnMemory() {
    FloatPointer memory;
    TensorView tensor;
    try (PointerScope scope = new PointerScope()) {
      memory = new FloatPointer(4);
      tensor = TensorView.owning(memory, DataType.F32, Device.CPU, 4);
    }
    assertFalse(memory.isNull(), "it belongs to the tensor, not to the scope");
    tensor.close();
    assertTrue(memory.isNull());
  }
}
