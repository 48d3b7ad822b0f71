package org.equipoise.mbpo.checkpoint;

/** Where the format of conversations comes from. */
public enum ChatTemplate {
  /** The checkpoint's own template, which must be a known one. */
  FILE,
  /** Qwen2-VL's, as it was published, whatever the checkpoint's template is. */
  BUILT_IN
}
