package org.equipoise.kernels;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.bytedeco.javacpp.Pointer;

/**
 * Objects that queued device work still uses. They are let go when a mark that was queued behind
 * the work is reached, or all at once. Not thread-safe.
 *
 * <p>A reference alone would not do for a {@link Pointer} in a {@code PointerScope}: the end of the
 * scope frees it. Its reference count is raised as well. A pointer whose count is 0 belongs to the
 * garbage collector alone; raising and lowering that count would free it.
 */
final class Retention {
  /** A place in the queue, such as a recorded event. */
  interface Mark extends AutoCloseable {
    /** Whether everything queued before the mark is done. */
    boolean reached();

    @Override
    void close();
  }

  /** Calls between two marks; a mark for each would double the calls into the driver. */
  static final int CALLS_PER_MARK = 8;

  /** What the calls between two marks use: references, and pointers whose count was raised. */
  private static final class Batch {
    final List<Object> objects = new ArrayList<>();
    final List<Pointer> counted = new ArrayList<>();
    int calls;
    Mark mark;

    void add(Object object) {
      objects.add(object);
      Object owner = object instanceof TensorView view ? view.owner() : object;
      if (owner instanceof Pointer pointer && pointer.referenceCount() > 0) {
        pointer.retainReference();
        counted.add(pointer);
      }
    }

    void release() {
      if (mark != null) {
        mark.close();
      }
      counted.forEach(Pointer::releaseReference);
    }
  }

  private final Supplier<? extends Mark> marks;
  private final ArrayDeque<Batch> marked = new ArrayDeque<>();
  private Batch open = new Batch();

  /**
   * @param marks queues a mark behind everything queued so far
   */
  Retention(Supplier<? extends Mark> marks) {
    this.marks = marks;
  }

  /** Retains what the next call uses, before it is queued; null entries are left out. */
  void beforeCall(Object... used) {
    if (open.calls == CALLS_PER_MARK) {
      open.mark = marks.get();
      marked.add(open);
      open = new Batch();
    }
    releaseReached();
    open.calls++;
    for (Object object : used) {
      if (object != null) {
        open.add(object);
      }
    }
  }

  /** Lets go of what lies before a reached mark. */
  void releaseReached() {
    while (!marked.isEmpty() && marked.peek().mark.reached()) {
      marked.remove().release();
    }
  }

  /** Lets go of everything: all queued work is done. */
  void releaseAll() {
    while (!marked.isEmpty()) {
      marked.remove().release();
    }
    Batch last = open;
    open = new Batch();
    last.release();
  }

  /** Objects that are held now. */
  int size() {
    return open.objects.size() + marked.stream().mapToInt(batch -> batch.objects.size()).sum();
  }
}
