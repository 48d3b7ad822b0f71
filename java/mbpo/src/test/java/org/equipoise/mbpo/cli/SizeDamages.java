package org.equipoise.mbpo.cli;

import static org.equipoise.mbpo.cli.CommandFiles.ATTACK;
import static org.equipoise.mbpo.cli.CommandFiles.DPO;
import static org.equipoise.mbpo.cli.CommandFiles.EVALUATE;
import static org.equipoise.mbpo.cli.CommandFiles.GENERATE;
import static org.equipoise.mbpo.cli.CommandFiles.HYBRID;
import static org.equipoise.mbpo.cli.CommandFiles.INSPECT;
import static org.equipoise.mbpo.cli.CommandFiles.MINE;
import static org.equipoise.mbpo.cli.CommandFiles.QUESTION;
import static org.equipoise.mbpo.cli.CommandFiles.SFT;
import static org.equipoise.mbpo.cli.EarlyDamages.adapter;
import static org.equipoise.mbpo.cli.EarlyDamages.configured;
import static org.equipoise.mbpo.cli.EarlyDamages.of;

import java.util.stream.Stream;
import org.equipoise.mbpo.cli.EarlyDamages.Case;

/**
 * Numbers in files that are larger than what they speak of, and prompts than the model's context.
 */
final class SizeDamages {
  private SizeDamages() {}

  static Stream<Case> cases() {
    return Stream.of(numbers(), ranks(), lengths()).flatMap(s -> s);
  }

  private static Case vision(String name, String from, String to, String... said) {
    return configured(
        name, "\"vision_config\": {\n    " + from, "\"vision_config\": {\n    " + to, said);
  }

  /**
   * Sizes that no file holds, numbers that Java's ints cut, and what nothing can be computed with.
   */
  private static Stream<Case> numbers() {
    String layers = "\"num_hidden_layers\": 2";
    String theta = "\"rope_theta\": 10000.0,\n      \"rope_type\": \"default\"";
    String sections = "\"mrope_section\": [\n        2,\n        1,\n        1\n      ]";
    String epsilon = "\"rms_norm_eps\": 1e-05";
    return Stream.of(
        configured(
            "a million layers",
            layers,
            "\"num_hidden_layers\": 1000000",
            "1000000 layers as num_hidden_layers",
            "have tensors of 2"),
        configured(
            "as many layers as an int has",
            layers,
            "\"num_hidden_layers\": 2147483647",
            "2147483647 layers"),
        configured(
            "layers beyond ints",
            layers,
            "\"num_hidden_layers\": 4294967298",
            "text_config.num_hidden_layers",
            "4294967298"),
        vision(
            "a million blocks of vision",
            "\"depth\": 1",
            "\"depth\": 1000000",
            "1000000 layers as vision_config.depth",
            "have tensors of 1"),
        configured(
            "a width beyond ints",
            "\"mlp_ratio\": 2",
            "\"mlp_ratio\": 268435456",
            "vision_config.mlp_ratio",
            "268435456"),
        configured(
            "sections that are 2 when they are cut",
            sections,
            "\"mrope_section\": [8589934594, 1, 1]",
            "mrope_section",
            "8589934594"),
        configured(
            "sections whose sum is 4 when it is cut",
            sections,
            "\"mrope_section\": [2147483647, 2147483647, 6]",
            "mrope_section",
            "2147483647"),
        configured("infinite theta", theta, theta.replace("10000.0", "1e400"), "rope_theta"),
        configured("theta of nothing", theta, theta.replace("10000.0", "0"), "rope_theta", "0"),
        configured("theta below zero", theta, theta.replace("10000.0", "-1"), "rope_theta", "-1"),
        configured(
            "a tiny theta", theta, theta.replace("10000.0", "1e-320"), "rope_theta", "1.0E-320"),
        configured("infinite epsilon", epsilon, "\"rms_norm_eps\": 1e400", "rms_norm_eps"),
        configured("a huge epsilon", epsilon, "\"rms_norm_eps\": 1e300", "rms_norm_eps", "1.0E300"),
        configured("a tiny epsilon", epsilon, "\"rms_norm_eps\": 1e-320", "rms_norm_eps"),
        processed(
            "an infinite area",
            "\"longest_edge\": 15680",
            "\"longest_edge\": 1e400",
            "longest_edge"),
        processed(
            "an area beyond longs",
            "\"longest_edge\": 15680",
            "\"longest_edge\": 1e30",
            "longest_edge"),
        processed("a deviation of nothing", "0.26862954", "1e-320", "image_std"),
        processed("a huge mean", "0.48145466", "1e300", "image_mean"),
        processed("a factor of nothing", "0.00392156862745098", "1e-320", "image_mean"),
        of(
            "an infinite penalty",
            GENERATE,
            files ->
                files.write("checkpoint/generation_config.json", "{\"repetition_penalty\": 1e400}"),
            "generation_config.json",
            "repetition_penalty"),
        of(
            "an end that is 0 when it is cut",
            INSPECT,
            files ->
                files.write(
                    "checkpoint/generation_config.json", "{\"eos_token_id\": 1099511627776}"),
            "generation_config.json",
            "eos_token_id",
            "1099511627776"));
  }

  private static Case processed(String name, String from, String to, String... said) {
    return of(
        name,
        INSPECT,
        files -> files.replace("checkpoint/preprocessor_config.json", from, to),
        said);
  }

  /** Six tokens, 17 bytes. */
  private static String words(int times) {
    return (QUESTION + " ").repeat(times);
  }

  private static Case asked(String command, String place) {
    return of(
        "a question of 120 kB",
        command,
        files -> files.addSample("image-0.png", words(7_000), "no"),
        place,
        " tokens with its images",
        "at most 32768",
        "max_position_embeddings");
  }

  private static Case within(String name, String command, int tokens, String... said) {
    return of(
        name,
        command,
        files ->
            files.replace(
                "checkpoint/config.json",
                "\"max_position_embeddings\": 32768",
                "\"max_position_embeddings\": " + tokens),
        said);
  }

  /** Prompts, images and answers that are longer together than the model's context. */
  private static Stream<Case> lengths() {
    return Stream.of(
        asked(MINE, "samples.jsonl:3: samples-3"),
        asked(EVALUATE, "samples.jsonl:3: samples-3"),
        asked(SFT, "samples.jsonl:3: samples-3"),
        asked(HYBRID, "samples.jsonl:3: samples-3"),
        of(
            "a text that is not even made into tokens",
            SFT,
            files -> files.addSample("image-0.png", words(40_000), "no"),
            "samples.jsonl:3",
            "at most 524288 bytes",
            "680000"),
        within("a short context", GENERATE, 30, "the question: has ", "at most 30"),
        within("a short context", ATTACK, 30, "the question: has ", "at most 30"),
        within("a short context", DPO, 30, "preferences.jsonl:1: 0: ", "at most 30"),
        of("more new tokens than the context", GENERATE, files -> {}, "2147483647 of an answer")
            .with("generate.maxNewTokens=2147483647"),
        of("more new tokens than the context", EVALUATE, files -> {}, "samples.jsonl:1", "40000")
            .with("evaluate.generation.maxNewTokens=40000"),
        of("more new tokens than the context", HYBRID, files -> {}, "samples.jsonl:1", "40000")
            .with("train.hybrid.online.maxNewTokens=40000"));
  }

  private static Stream<Case> ranks() {
    String config = "adapter/adapter_config.json";
    return Stream.of(
        adapter(
            "a rank that is 0 when it is cut",
            files -> files.replace(config, "\"r\":2", "\"r\":1099511627776"),
            "adapter_config.json",
            "r: expected",
            "1099511627776"),
        adapter(
            "a rank with a fraction",
            files -> files.replace(config, "\"r\":2", "\"r\":2.4"),
            "adapter_config.json",
            "r: expected",
            "2.4"),
        adapter(
            "an infinite rank",
            files -> files.replace(config, "\"r\":2", "\"r\":1e400"),
            "adapter_config.json",
            "r: expected"),
        adapter(
            "a rank of one layer beyond ints",
            files ->
                files.replace(
                    config, "\"r\":2", "\"r\":2,\"rank_pattern\":{\"q_proj\":4294967298}"),
            "adapter_config.json",
            "rank_pattern.q_proj",
            "4294967298"),
        adapter(
            "an infinite alpha",
            files -> files.replace(config, "\"lora_alpha\":32", "\"lora_alpha\":1e400,\"x\":0"),
            "adapter_config.json",
            "lora_alpha"));
  }
}
