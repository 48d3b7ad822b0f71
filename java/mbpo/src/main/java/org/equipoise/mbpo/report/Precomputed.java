package org.equipoise.mbpo.report;

import java.util.List;

/**
 * Results that this run did not produce, shown apart and labelled.
 *
 * @param origin commit, command, seeds and machine that produced them, in one sentence
 */
public record Precomputed(String origin, List<ResultTable> tables) {
  public Precomputed {
    tables = List.copyOf(tables);
  }
}
