package org.equipoise.mbpo.checkpoint;

/** How weights come out of their files. */
public enum WeightReading {
  /**
   * From the files as they are needed, where they are computed in the files' own type: they cost no
   * memory that the system could not take back, and the files must stay whole and as they are.
   */
  MAPPED,
  /** Into memory of the process, once: as much of it as the weights have bytes. */
  READ
}
