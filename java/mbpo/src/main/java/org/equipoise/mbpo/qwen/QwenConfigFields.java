package org.equipoise.mbpo.qwen;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.equipoise.mbpo.storage.FieldUses;

/**
 * What is done with each field of {@code config.json} that transformers 5.17 writes for Qwen2-VL
 * and Qwen2.5-VL, or that their published checkpoints have. The fields of the language model stand
 * under {@code text_config} or, in older files, at the root.
 */
public final class QwenConfigFields {
  private static final String UNQUANTISED =
      "weights are read as float32, bfloat16 or float16; take the checkpoint that was quantised";

  private static final String[] SHARED_WITHOUT_EFFECT = {
    "_name_or_path",
    "architectures",
    "attn_implementation",
    "bos_token_id",
    "chunk_size_feed_forward",
    "dtype",
    "eos_token_id",
    "id2label",
    "initializer_range",
    "is_encoder_decoder",
    "label2id",
    "model_type",
    "output_attentions",
    "output_hidden_states",
    "pad_token_id",
    "problem_type",
    "return_dict",
    "torch_dtype",
    "transformers_version",
    "use_cache"
  };

  /** What transformers 4 wrote into every configuration: settings of generation and of tasks. */
  private static final String[] OF_TRANSFORMERS_4 = {
    "_attn_implementation_autoset",
    "add_cross_attention",
    "bad_words_ids",
    "begin_suppress_tokens",
    "cross_attention_hidden_size",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "is_decoder",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_scores",
    "prefix",
    "pruned_heads",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torchscript",
    "typical_p",
    "use_bfloat16"
  };

  private static final String[] LANGUAGE_HONOURED = {
    "hidden_act",
    "hidden_size",
    "intermediate_size",
    "layer_types",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "rms_norm_eps",
    "rope_parameters",
    "rope_scaling",
    "rope_theta",
    "tie_word_embeddings",
    "use_sliding_window",
    "vocab_size"
  };

  private static final String[] LANGUAGE_WITHOUT_EFFECT = {
    "attention_dropout", "max_window_layers", "sliding_window"
  };

  /** Of the whole file. */
  public static final FieldUses ROOT =
      new FieldUses()
          .honoured("dtype", "image_token_id", "model_type", "text_config", "torch_dtype")
          .honoured("vision_config", "vision_end_token_id", "vision_start_token_id")
          .honoured(LANGUAGE_HONOURED)
          .refused("quantization_config", UNQUANTISED)
          .refused("quantization", UNQUANTISED)
          .refused("compression_config", UNQUANTISED)
          .withoutEffect(without(SHARED_WITHOUT_EFFECT, "dtype", "model_type", "torch_dtype"))
          .withoutEffect(OF_TRANSFORMERS_4)
          .withoutEffect(LANGUAGE_WITHOUT_EFFECT)
          .withoutEffect("auto_map", "video_token_id", "vision_token_id");

  /** Of {@code text_config}. */
  public static final FieldUses TEXT =
      new FieldUses()
          .honoured(LANGUAGE_HONOURED)
          .withoutEffect(SHARED_WITHOUT_EFFECT)
          .withoutEffect(OF_TRANSFORMERS_4)
          .withoutEffect(LANGUAGE_WITHOUT_EFFECT)
          .withoutEffect("image_token_id", "video_token_id", "vision_end_token_id")
          .withoutEffect("vision_start_token_id", "vision_token_id");

  /** Of {@code vision_config}. */
  public static final FieldUses VISION =
      new FieldUses()
          .honoured(
              "depth",
              "embed_dim",
              "fullatt_block_indexes",
              "hidden_act",
              "hidden_size",
              "in_channels",
              "in_chans",
              "intermediate_size",
              "mlp_ratio",
              "num_heads",
              "patch_size",
              "rope_parameters",
              "spatial_merge_size",
              "temporal_patch_size",
              "window_size")
          .withoutEffect(SHARED_WITHOUT_EFFECT)
          .withoutEffect(OF_TRANSFORMERS_4)
          .withoutEffect("out_hidden_size", "spatial_patch_size", "tie_word_embeddings")
          .withoutEffect("tokens_per_second");

  private QwenConfigFields() {}

  private static String[] without(String[] fields, String... left) {
    List<String> kept = new ArrayList<>(List.of(fields));
    kept.removeAll(List.of(left));
    return kept.toArray(new String[0]);
  }

  /**
   * @return paths of fields that say something and are not known
   * @throws IllegalArgumentException naming a field that is not supported
   */
  static List<String> check(Path file, JsonNode root) {
    List<String> unknown = new ArrayList<>(ROOT.check(file, "", root));
    unknown.addAll(TEXT.check(file, "text_config.", root.path("text_config")));
    unknown.addAll(VISION.check(file, "vision_config.", root.path("vision_config")));
    return unknown;
  }
}
