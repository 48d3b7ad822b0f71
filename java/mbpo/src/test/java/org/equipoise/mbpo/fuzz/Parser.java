package org.equipoise.mbpo.fuzz;

import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.equipoise.mbpo.checkpoint.CheckpointParsers;
import org.equipoise.mbpo.config.SettingsParsers;
import org.equipoise.mbpo.data.AnswerFile;
import org.equipoise.mbpo.data.PopeFile;
import org.equipoise.mbpo.data.PreferenceFile;
import org.equipoise.mbpo.data.PreferenceStore;
import org.equipoise.mbpo.data.PreferenceWriter;
import org.equipoise.mbpo.data.SampleFile;
import org.equipoise.mbpo.image.ImageParsers;
import org.equipoise.mbpo.mine.MineParsers;
import org.equipoise.mbpo.mine.MiningReport;
import org.equipoise.mbpo.report.ResultCsv;
import org.equipoise.mbpo.run.RunParsers;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.StorageParsers;
import org.equipoise.mbpo.train.TrainingParsers;

/**
 * Every kind of file that people give us, with what reads it. The constant's name in camel case is
 * that of the fuzz test and of its folder of inputs.
 */
enum Parser {
  SAFETENSORS("model.safetensors", StorageParsers::safetensors),
  /** The header's JSON, a line feed and the tensors' bytes: its length is right. */
  SAFETENSORS_HEADER(
      "model.safetensors",
      Parser::nothing,
      StorageParsers::safetensors,
      StorageParsers::withHeaderLength),
  INDEX("model.safetensors.index.json", CheckpointParsers::shard, CheckpointParsers::checkpoint),
  CONFIG("config.json", CheckpointParsers::whole, CheckpointParsers::checkpoint),
  GENERATION_CONFIG(
      "generation_config.json", CheckpointParsers::whole, CheckpointParsers::checkpoint),
  PREPROCESSOR_CONFIG(
      "preprocessor_config.json", CheckpointParsers::whole, CheckpointParsers::checkpoint),
  TOKENIZER_CONFIG(
      "tokenizer_config.json", CheckpointParsers::withoutTemplate, CheckpointParsers::tokenizer),
  TOKENIZER("tokenizer.json", CheckpointParsers::whole, CheckpointParsers::tokenizer),
  CHAT_TEMPLATE("chat_template.jinja", CheckpointParsers::whole, CheckpointParsers::tokenizer),
  ADAPTER_CONFIG(
      "adapter_config.json", CheckpointParsers::adapterFolder, CheckpointParsers::adapter),
  ADAPTER_WEIGHTS(
      "adapter_model.safetensors",
      CheckpointParsers::adapterFolder,
      CheckpointParsers::adapter,
      StorageParsers::withHeaderLength),
  SAMPLES("samples.jsonl", SampleFile::read),
  PAIRS("pairs.jsonl", PreferenceFile::read),
  ANSWERS("answers.jsonl", AnswerFile::read),
  POPE("pope.json", file -> PopeFile.read(file, file.getParent())),
  DROPPED("dropped.jsonl", file -> PreferenceStore.readDropped(file.getParent())),
  MINING_LOG(
      "mining.jsonl",
      Parser::nothing,
      file -> PreferenceWriter.open(file.getParent(), "weights", notice -> {}),
      StorageParsers::withChecks),
  MINING_REPORT("mining.json", file -> Json.read(file, MiningReport.class)),
  GAINS("gains.json", Parser::nothing, MineParsers::gains, StorageParsers::withChecks),
  SETTINGS("settings.yaml", SettingsParsers::file),
  /** {@code KEY=VALUE} as behind {@code --set}. */
  SETTING("--set", SettingsParsers::option),
  RESULT_CSV("results.csv", file -> ResultCsv.parse(file.toString(), AtomicFiles.readText(file))),
  IMAGE("image.png", ImageParsers::headers),
  TRAINING_CHECKPOINT(
      "checkpoint.safetensors",
      Parser::nothing,
      TrainingParsers::checkpoint,
      input -> StorageParsers.withChecksum(StorageParsers.withHeaderLength(input))),
  REFERENCE_LOG_PROBS(
      "reference.safetensors",
      Parser::nothing,
      TrainingParsers::referenceLogProbs,
      input -> StorageParsers.withChecksum(StorageParsers.withHeaderLength(input))),
  JOURNAL(".run/journal.jsonl", RunParsers::mark, RunParsers::folder, StorageParsers::withChecks),
  STAGE_MARKER(".run/train.json", RunParsers::mark, RunParsers::folder, StorageParsers::withCheck),
  DIGESTS("digests.jsonl", Parser::nothing, StorageParsers::digests, StorageParsers::withChecks),
  TEXT("text.txt", StorageParsers::text);

  private final String file;
  private final Consumer<Path> beside;
  private final Consumer<Path> reader;
  private final UnaryOperator<byte[]> framed;

  Parser(String file, Consumer<Path> reader) {
    this(file, Parser::nothing, reader);
  }

  Parser(String file, Consumer<Path> beside, Consumer<Path> reader) {
    this(file, beside, reader, UnaryOperator.identity());
  }

  /**
   * @param file its name in its folder
   * @param beside puts into the folder what the reader wants there, too
   * @param reader of the file, which is in its place
   * @param framed puts lengths and checksums right, past which mutations alone would not come
   */
  Parser(String file, Consumer<Path> beside, Consumer<Path> reader, UnaryOperator<byte[]> framed) {
    this.file = file;
    this.beside = beside;
    this.reader = reader;
    this.framed = framed;
  }

  private static void nothing(Path folder) {}

  String file() {
    return file;
  }

  void prepare(Path folder) {
    beside.accept(folder);
  }

  byte[] framed(byte[] input) {
    return framed.apply(input);
  }

  void read(Path at) {
    reader.accept(at);
  }

  /** Whether the reader goes on in the folder with what it finds there. */
  boolean writes() {
    return EnumSet.of(MINING_LOG, JOURNAL, STAGE_MARKER).contains(this);
  }

  /** Name of the fuzz test. */
  String test() {
    String[] words = name().toLowerCase(Locale.ROOT).split("_");
    StringBuilder name = new StringBuilder(words[0]);
    for (int i = 1; i < words.length; i++) {
      name.append(words[i].substring(0, 1).toUpperCase(Locale.ROOT)).append(words[i].substring(1));
    }
    return name.toString();
  }
}
