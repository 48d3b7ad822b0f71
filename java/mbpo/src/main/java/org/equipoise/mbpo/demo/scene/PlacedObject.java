package org.equipoise.mbpo.demo.scene;

/**
 * One sprite of a scene.
 *
 * @param object what is drawn
 * @param cell cell of the 2x2 grid in reading order
 * @param size edge of the sprite in pixels
 * @param left column of the sprite's left edge in the image
 * @param top row of the sprite's upper edge in the image
 */
public record PlacedObject(SceneObject object, int cell, int size, int left, int top) {

  PlacedObject withObject(SceneObject other) {
    return new PlacedObject(other, cell, size, left, top);
  }
}
