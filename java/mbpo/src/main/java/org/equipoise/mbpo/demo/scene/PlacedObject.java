package org.equipoise.mbpo.demo.scene;

import io.soabase.recordbuilder.core.RecordBuilder;

/**
 * One sprite of a scene.
 *
 * @param object what is drawn
 * @param cell cell of the 2x2 grid in reading order
 * @param size edge of the sprite in pixels
 * @param left column of the sprite's left edge in the image
 * @param top row of the sprite's upper edge in the image
 */
@RecordBuilder
public record PlacedObject(SceneObject object, int cell, int size, int left, int top)
    implements PlacedObjectBuilder.With {}
