package org.equipoise.torch;

import org.bytedeco.pytorch.Tensor;

/** A 0-dimensional loss that {@code backward()} can be called on, with whatever else came of it. */
@FunctionalInterface
public interface ScalarLoss {
  /** 0-dimensional, attached to the graph of what it was computed from. */
  Tensor loss();
}
