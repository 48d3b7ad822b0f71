package org.equipoise.mbpo.checkpoint;

import org.equipoise.mbpo.storage.FieldUses;

/** What is done with each field of {@code adapter_config.json} that PEFT 0.21 writes for LoRA. */
final class AdapterFields {
  private static final String MERGE =
      "merge the adapter with PEFT's merge_and_unload() and name the merged checkpoint as"
          + " model.folder";

  static final FieldUses LORA =
      new FieldUses()
          .honoured(
              "peft_type",
              "r",
              "lora_alpha",
              "use_rslora",
              "rank_pattern",
              "alpha_pattern",
              "target_modules",
              "exclude_modules",
              "layers_to_transform",
              "layers_pattern",
              "modules_to_save",
              "trainable_token_indices",
              "bias",
              "ensure_weight_tying",
              "init_lora_weights")
          .refused("use_dora", MERGE)
          .refused("lora_bias", MERGE)
          .refused("use_qalora", MERGE)
          .refused("use_bdlora", MERGE)
          .refused("kasa_config", MERGE)
          .refused("monteclora_config", MERGE)
          .refused("target_parameters", MERGE)
          .refused("layer_replication", MERGE)
          .refused("megatron_config", MERGE)
          .refused(
              "alora_invocation_tokens",
              "such an adapter acts on some tokens only and cannot be merged either; train one"
                  + " without it")
          .refused(
              "arrow_config",
              "such an adapter chooses among others token by token; name one of those instead")
          .withoutEffect(
              "auto_mapping",
              "base_model_name_or_path",
              "corda_config",
              "eva_config",
              "fan_in_fan_out",
              "inference_mode",
              "loftq_config",
              "lora_dropout",
              "lora_ga_config",
              "megatron_core",
              "peft_version",
              "qalora_group_size",
              "revision",
              "runtime_config",
              "task_type",
              "velora_config");

  private AdapterFields() {}
}
