/** 8-bit RGB images, where they come from, and image files through OpenCV. */
package org.equipoise.mbpo.image;
