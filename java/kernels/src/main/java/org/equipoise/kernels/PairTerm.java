package org.equipoise.kernels;

import java.util.Objects;

/**
 * One term of a sum of pair losses.
 *
 * @param kind its formula
 * @param weight its factor; finite
 */
public record PairTerm(PairLossKind kind, double weight) {
  public PairTerm {
    Objects.requireNonNull(kind, "kind");
    Ranges.finite("weight", weight);
  }
}
