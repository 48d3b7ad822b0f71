package org.equipoise.mbpo.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeSet;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.model.GenerationOptions;

/** What reads a checkpoint or an adapter before its weights, for fuzzing. */
public final class CheckpointParsers {
  private static final Map<String, long[]> SHAPES =
      QwenCheckpoint.open(TinyCheckpoint.folder()).shapes();

  private CheckpointParsers() {}

  /** All of a checkpoint. */
  public static void whole(Path folder) {
    TinyCheckpoint.copyInto(folder);
  }

  /** Without a template of its own, which would be read in place of the tokenizer's. */
  public static void withoutTemplate(Path folder) {
    whole(folder);
    delete(folder.resolve("chat_template.jinja"));
  }

  /** Weights that only an index can name. */
  public static void shard(Path folder) {
    whole(folder);
    copy(folder.resolve("model.safetensors"), folder.resolve("model-00001-of-00001.safetensors"));
    delete(folder.resolve("model.safetensors"));
  }

  public static void adapterFolder(Path folder) {
    Path adapter = TinyCheckpoint.resource("adapters/plain");
    copy(adapter.resolve(PeftAdapter.CONFIG), folder.resolve(PeftAdapter.CONFIG));
    copy(adapter.resolve(PeftAdapter.WEIGHTS), folder.resolve(PeftAdapter.WEIGHTS));
  }

  /**
   * @param file in the checkpoint's folder
   */
  public static void checkpoint(Path file) {
    QwenCheckpoint checkpoint = QwenCheckpoint.open(file.getParent());
    checkpoint.remarks(null);
    checkpoint.generation().remarks(GenerationOptions.greedy());
    checkpoint.generation().remarksOfPolicy();
    checkpoint.generation().rules(new TreeSet<>(checkpoint.generation().endTokens()));
    MemoryEstimate.of(checkpoint.config(), LoraOptions.defaults(), 2, 512, 128, 2, true);
    checkpoint.processor(Long.MAX_VALUE);
  }

  /**
   * @param file in the checkpoint's folder
   */
  public static void tokenizer(Path file) {
    Path folder = file.getParent();
    TokenizerFile tokenizer =
        TokenizerFile.read(folder.resolve("tokenizer.json"), TokenizerTrust.KNOWN, 1 << 20);
    TokenizerConfig.check(folder, tokenizer);
    tokenizer.withSpecials(name -> name + "?");
    ChatTemplates.of(folder, ChatTemplate.FILE);
  }

  /**
   * @param file in the adapter's folder
   */
  public static void adapter(Path file) {
    PeftAdapter adapter = PeftAdapter.open(file.getParent());
    adapter.remarks();
    adapter.check(SHAPES);
    adapter.trainableLayers();
    adapter.keptWhileTraining();
  }

  private static void copy(Path from, Path to) {
    try {
      Files.copy(from, to);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void delete(Path file) {
    try {
      Files.delete(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
