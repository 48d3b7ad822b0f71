package org.equipoise.mbpo.train;

/** How the learning rate falls after warm-up. */
public enum Schedule {
  /** Stays. */
  CONSTANT,
  /** {@code final + (1 − final)·(1 + cos πp)/2} of the peak, p = share of the steps done. */
  COSINE,
  /** {@code 1 − (1 − final)·p} of the peak. */
  LINEAR
}
