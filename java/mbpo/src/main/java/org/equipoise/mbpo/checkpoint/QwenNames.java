package org.equipoise.mbpo.checkpoint;

/** Names of tensors, as the model classes have them, that files treat in ways of their own. */
final class QwenNames {
  static final String EMBEDDING = "model.language_model.embed_tokens.weight";
  static final String HEAD = "lm_head.weight";
  static final String PATCHES = "model.visual.patch_embed.proj.weight";

  private QwenNames() {}
}
