package org.equipoise.torch;

/** How the distance of an image from its original is measured, in pixel units. */
public enum Norm {
  /** The largest change of a pixel. */
  LINF,
  /** The root of the sum of squares. */
  L2
}
