package org.equipoise.mbpo.demo.scene;

import java.util.ArrayList;
import java.util.List;

/**
 * Draws scenes of two or three sprites on a 2x2 grid of 16-pixel cells. The partner of the main
 * object is present with a given probability; the remaining sprites are neither of the two, and no
 * two of them are partners.
 */
public final class SceneComposer {
  static final int CELL = 16;
  static final int SMALLEST_SPRITE = 12;
  static final int LARGEST_SPRITE = 15;

  private SceneComposer() {}

  /** A scene around {@code main}. */
  public static Scene compose(RandomCursor random, SceneObject main, double partnerProbability) {
    int count = 2 + random.below(2);
    List<SceneObject> objects = new ArrayList<>();
    objects.add(main);
    if (random.chance(partnerProbability)) {
      objects.add(main.partner());
    }
    while (objects.size() < count) {
      SceneObject candidate = random.pick(SceneObject.all());
      if (!objects.contains(candidate) && !objects.contains(candidate.partner())) {
        objects.add(candidate);
      }
    }
    return place(random, objects);
  }

  private static Scene place(RandomCursor random, List<SceneObject> objects) {
    List<Integer> cells = new ArrayList<>(List.of(0, 1, 2, 3));
    random.shuffle(cells);
    PlacedObject[] byCell = new PlacedObject[4];
    for (int i = 0; i < objects.size(); i++) {
      int cell = cells.get(i);
      int size = SMALLEST_SPRITE + random.below(LARGEST_SPRITE - SMALLEST_SPRITE + 1);
      int left = CELL * (cell % 2) + random.below(CELL - size + 1);
      int top = CELL * (cell / 2) + random.below(CELL - size + 1);
      byCell[cell] = new PlacedObject(objects.get(i), cell, size, left, top);
    }
    List<PlacedObject> placed = new ArrayList<>();
    for (PlacedObject sprite : byCell) {
      if (sprite != null) {
        placed.add(sprite);
      }
    }
    return new Scene(random.bits(), placed);
  }
}
