package org.equipoise.mbpo.checkpoint;

/** How far a checkpoint's {@code tokenizer.json} is believed. */
public enum TokenizerTrust {
  /**
   * The file may hold what tokenizers of published families hold: byte pair encodings, their ways
   * of cutting texts, their regular expressions character by character, and no more tokens than the
   * model has. Anything else is refused by the name of its field.
   */
  KNOWN,
  /**
   * The file goes to the native library as it is. The library is made for files one trusts: with a
   * hostile one it ends the whole Java process without a word (tables of normalisers, deeply nested
   * expressions, ones that try everything, empty ones), runs for ever or fills all memory. Only for
   * files of somebody whose programs you would run.
   */
  TRUSTED
}
