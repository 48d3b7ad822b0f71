package org.equipoise.mbpo.image;

/** What is wrong with an image file; {@link ImageFiles} says which file and what to do. */
final class BadImage extends Exception {
  private static final long serialVersionUID = 1L;

  /**
   * @param found what the file is, to stand behind "found"
   */
  BadImage(String found) {
    super(found);
  }

  BadImage(String found, Throwable cause) {
    super(found, cause);
  }
}
