/** Information gain of images, selection, and hard negatives from perturbed images. */
@NullMarked
package org.equipoise.mbpo.mine;

import org.jspecify.annotations.NullMarked;
