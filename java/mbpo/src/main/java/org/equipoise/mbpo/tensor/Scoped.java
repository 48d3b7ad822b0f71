package org.equipoise.mbpo.tensor;

import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * Frees what a computation made on its way. A tensor that Java code has seen lives as long as its
 * {@code PointerScope}; without a scope of its own, a pass through many layers holds everything
 * that was ever computed, not only what the way back needs.
 */
public final class Scoped {
  private Scoped() {}

  /** The result of the work, in the caller's innermost scope; all else that it made is let go. */
  public static Tensor result(Supplier<Tensor> work) {
    Tensor inner;
    try (PointerScope scope = new PointerScope()) {
      inner = work.get();
      inner.retainReference();
    }
    // A second handle of the same tensor, which belongs to the caller's scope.
    Tensor outer = new Tensor(inner);
    inner.releaseReference();
    return outer;
  }
}
