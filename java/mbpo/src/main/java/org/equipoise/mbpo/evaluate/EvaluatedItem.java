package org.equipoise.mbpo.evaluate;

/** What was measured on one sample. */
public interface EvaluatedItem {
  /** The sample's id, by which paired comparisons check that they compare the same samples. */
  String id();
}
