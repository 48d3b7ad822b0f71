package org.equipoise.mbpo.run;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.equipoise.mbpo.storage.Fingerprint;

/**
 * One step of a run: reads the folders of its input stages, writes into its own. Immutable.
 *
 * <p>Work must be a pure function of its settings and its inputs' files, and must write through
 * {@code storage.AtomicFiles}; then a run that was killed and resumed gives the same files as one
 * that was not. Files that come into its folder in another way count as somebody else's: they are
 * no outputs, and the stage does not run again beside them.
 *
 * @param id names the folder: letters, digits, dot, dash and underscore
 * @param title what progress displays call it
 * @param settings everything that changes the outputs, by name, files by their contents; a changed
 *     value makes the stage run again, and what reads it if that gives something else
 * @param inputs ids of the stages whose outputs this one reads; only these may be read
 * @param weight expected duration, in seconds of any reference machine; only proportions matter
 * @param work what is done
 * @param working files that serve to go on and are no part of what the stage gives, by their names
 *     in its folder: the work itself checks what it reads of them
 * @param checked files, or sub-folders, that are outputs and that the work, when it goes on, checks
 *     and mends by itself; other outputs that are damaged are deleted before
 */
@RecordBuilder
public record Stage(
    String id,
    String title,
    Map<String, String> settings,
    List<String> inputs,
    double weight,
    Work work,
    Set<String> working,
    Set<String> checked)
    implements StageBuilder.With {

  /** What a stage does. Any exception fails the run; finished stages stay finished. */
  @FunctionalInterface
  public interface Work {
    void run(StageContext context) throws Exception;
  }

  public Stage {
    if (id == null || !id.matches("[A-Za-z0-9_-][A-Za-z0-9._-]*")) {
      throw new IllegalArgumentException(
          "a stage id has letters, digits, dot, dash and underscore and starts with no dot, found"
              + " \""
              + id
              + "\"");
    }
    if (id.equals(StageFolder.SET_ASIDE)) {
      throw new IllegalArgumentException(
          "a stage cannot be called " + id + ": a run keeps files there");
    }
    if (!(weight > 0) || Double.isInfinite(weight)) {
      throw new IllegalArgumentException(
          "weight of stage " + id + " must be positive and finite, found " + weight);
    }
    Objects.requireNonNull(title, "title");
    Objects.requireNonNull(work, "work");
    settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
    inputs = List.copyOf(inputs);
    working = Set.copyOf(working);
    checked = Set.copyOf(checked);
  }

  /** A stage without settings and inputs, of weight 1. */
  public static Stage of(String id, Work work) {
    return new Stage(id, id, Map.of(), List.of(), 1, work, Set.of(), Set.of());
  }

  /**
   * Adds one setting. The value counts by its {@link Fingerprint#text}, so it must be a record,
   * number, string, enum, or a list, set or map of such. Maps count without their order; one whose
   * order decides what the work gives goes in as the list of its entries.
   */
  public Stage setting(String name, Object value) {
    Map<String, String> more = new LinkedHashMap<>(settings);
    try {
      more.put(name, Fingerprint.text(value));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "setting " + name + " of stage " + id + " " + e.getMessage(), e);
    }
    return withSettings(more);
  }

  /** Adds input stages. */
  public Stage after(String... stageIds) {
    List<String> more = new ArrayList<>(inputs);
    more.addAll(List.of(stageIds));
    return withInputs(more);
  }

  /** Whether the work checks this file by itself. */
  boolean checks(String name) {
    return checked.stream().anyMatch(path -> name.equals(path) || name.startsWith(path + "/"));
  }
}
