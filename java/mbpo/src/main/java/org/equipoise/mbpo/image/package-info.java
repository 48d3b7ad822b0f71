/** 8-bit RGB images, where they come from, and image files through OpenCV. */
@NullMarked
package org.equipoise.mbpo.image;

import org.jspecify.annotations.NullMarked;
