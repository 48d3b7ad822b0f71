package org.equipoise.mbpo.demo.scene;

import java.util.List;
import java.util.stream.Collectors;

/**
 * What a picture shows. The picture is a pure function of this record ({@link SceneRenderer}).
 *
 * @param backgroundKey key of the background colours and of the pixel noise
 * @param placed the sprites in reading order, each in a cell of its own
 */
public record Scene(long backgroundKey, List<PlacedObject> placed) {

  public Scene {
    placed = List.copyOf(placed);
  }

  /** The objects in reading order. */
  public List<SceneObject> objects() {
    return placed.stream().map(PlacedObject::object).toList();
  }

  public boolean shows(SceneObject object) {
    return placed.stream().anyMatch(sprite -> sprite.object() == object);
  }

  /** The same layout, background and noise with one object exchanged for another. */
  public Scene withSwapped(SceneObject present, SceneObject absent) {
    if (!shows(present) || shows(absent)) {
      throw new IllegalArgumentException(
          "can only swap a present for an absent object, found " + present + " for " + absent);
    }
    return new Scene(
        backgroundKey,
        placed.stream()
            .map(sprite -> sprite.object() == present ? sprite.withObject(absent) : sprite)
            .toList());
  }

  /** The caption: the objects' words in reading order. */
  public String caption() {
    return placed.stream().map(sprite -> sprite.object().word()).collect(Collectors.joining(" "));
  }
}
