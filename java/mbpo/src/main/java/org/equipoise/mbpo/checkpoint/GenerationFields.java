package org.equipoise.mbpo.checkpoint;

import org.equipoise.mbpo.storage.FieldUses;

/**
 * What is done with each field of {@code generation_config.json} that transformers 5.17 or 4
 * writes.
 */
final class GenerationFields {
  static final FieldUses ALL =
      new FieldUses()
          .honoured(
              "bad_words_ids",
              "begin_suppress_tokens",
              "eos_token_id",
              "forced_eos_token_id",
              "min_length",
              "min_new_tokens",
              "no_repeat_ngram_size",
              "repetition_penalty",
              "suppress_tokens")
          // Settings decide; said where the file samples.
          .honoured("do_sample", "temperature", "top_k", "top_p")
          .named(
              "assistant_early_exit",
              "constraints",
              "dola_layers",
              "eta_cutoff",
              "exponential_decay_length_penalty",
              "force_words_ids",
              "min_p",
              "prompt_lookup_num_tokens",
              "sequence_bias",
              "stop_strings",
              "top_h",
              "watermarking_config")
          .named("diversity_penalty", 0)
          .named("encoder_no_repeat_ngram_size", 0)
          .named("encoder_repetition_penalty", 1)
          .named("epsilon_cutoff", 0)
          .named("guidance_scale", 1)
          .named("num_beam_groups", 1)
          .named("num_beams", 1)
          .named("num_return_sequences", 1)
          .named("penalty_alpha", 0)
          .named("typical_p", 1)
          .withoutEffect(
              "_from_model_config",
              "assistant_confidence_threshold",
              "assistant_ensemble_weight",
              "assistant_lookbehind",
              "bos_token_id",
              "cache_config",
              "cache_implementation",
              "chat_format",
              "compile_config",
              "continuous_batching_config",
              "decoder_start_token_id",
              "disable_compile",
              "early_stopping",
              "forced_bos_token_id",
              "is_assistant",
              "length_penalty",
              "low_memory",
              "max_cache_len",
              "max_length",
              "max_matching_ngram_size",
              "max_new_tokens",
              "max_time",
              "num_assistant_tokens",
              "num_assistant_tokens_schedule",
              "output_attentions",
              "output_hidden_states",
              "output_logits",
              "output_scores",
              "pad_token_id",
              "prefill_chunk_size",
              "remove_invalid_values",
              "renormalize_logits",
              "return_dict_in_generate",
              "return_legacy_cache",
              "speculation_type",
              "target_lookbehind",
              "token_healing",
              "transformers_version",
              "use_cache",
              "use_mtp");

  private GenerationFields() {}
}
