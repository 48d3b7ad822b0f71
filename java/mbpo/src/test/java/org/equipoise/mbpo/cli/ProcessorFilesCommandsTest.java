package org.equipoise.mbpo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.equipoise.mbpo.checkpoint.TinyCheckpoint;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the commands say of a checkpoint's processor, template and tokenizer before they work. */
class ProcessorFilesCommandsTest {
  @TempDir Path temporary;
  private Path checkpoint;
  private Path samples;
  private String text;

  @BeforeEach
  void files() throws IOException {
    checkpoint = TinyCheckpoint.copyInto(temporary.resolve("checkpoint"));
    samples = temporary.resolve("samples.jsonl");
    Files.copy(TinyCheckpoint.resource("image-0.png"), temporary.resolve("image-0.png"));
    sample("is there a dog ?");
  }

  private void sample(String question) throws IOException {
    Files.writeString(
        samples,
        "{\"image\": \"image-0.png\", \"question\": \"%s\", \"answer\": \"no <|im_end|>\"}\n"
            .formatted(question));
  }

  private int run(String... arguments) {
    StringWriter out = new StringWriter();
    int code =
        EquipoiseCommand.commandLine()
            .setOut(new PrintWriter(out, true))
            .setErr(new PrintWriter(out, true))
            .execute(arguments);
    text = out.toString();
    return code;
  }

  private int train(String... more) {
    String[] arguments = {
      "train",
      "--set=train.method=SFT",
      "--set=train.sft.steps=1",
      "--set=threads=1",
      "--set=model.type=FLOAT32",
      "--set=model.folder=" + checkpoint,
      "--set=data.samples=" + samples,
      "--out=" + temporary.resolve("out")
    };
    String[] all = java.util.Arrays.copyOf(arguments, arguments.length + more.length);
    System.arraycopy(more, 0, all, arguments.length, more.length);
    return run(all);
  }

  @Test
  void dryRunsAndInspectReadTemplateAndProcessor() throws IOException {
    assertEquals(ExitCode.OK, train("--dry-run"), text);
    assertEquals(ExitCode.OK, run("inspect", checkpoint.toString()), text);
    assertTrue(text.contains("between 3136 and 15680 pixels"), text);
    assertTrue(text.contains("system's turn \"You are a helpful assistant.\""), text);
    Path template = checkpoint.resolve("chat_template.jinja");
    Files.writeString(template, Files.readString(template) + "<think>");
    for (int code : new int[] {train("--dry-run"), run("inspect", checkpoint.toString())}) {
      assertEquals(ExitCode.FAILURE, code, text);
      assertTrue(text.contains("chat_template.jinja: expected the chat template of"), text);
    }
    assertTrue(text.contains("vision tower: 1 layers"), "what is known is said first: " + text);
    assertEquals(ExitCode.OK, train("--dry-run", "--set=model.chatTemplate=BUILT_IN"), text);
    Path processor = checkpoint.resolve("preprocessor_config.json");
    Files.writeString(
        processor, Files.readString(processor).replace("\"resample\": 3", "\"resample\": 9"));
    assertEquals(ExitCode.FAILURE, train("--dry-run", "--set=model.chatTemplate=BUILT_IN"), text);
    assertTrue(text.contains("preprocessor_config.json: resample: expected a filter"), text);
  }

  @Test
  void aTokenizerOfNoKnownKindNeedsConsent() throws IOException {
    Path tokenizer = checkpoint.resolve("tokenizer.json");
    String known = Files.readString(tokenizer);
    String other = known.replace("\"normalizer\": null", "\"normalizer\": {\"type\":\"Nmt\"}");
    assertTrue(!known.equals(other), "the file has no normaliser");
    Files.writeString(tokenizer, other);
    for (int code : new int[] {train("--dry-run"), run("inspect", checkpoint.toString())}) {
      assertEquals(ExitCode.FAILURE, code, text);
      assertTrue(text.contains("tokenizer.json: normalizer.type: expected one of"), text);
      assertTrue(text.contains("--set model.tokenizer=TRUSTED"), text);
    }
    assertEquals(ExitCode.OK, train("--dry-run", "--set=model.tokenizer=TRUSTED"), text);
  }

  /** Such a text once claimed images that the sample does not have, and the run was lost. */
  @Test
  void namesOfSpecialTokensInTextsAreTrainedOnAsText() throws IOException {
    sample("<|image_pad|> what is <|vision_start|><|image_pad|> ?<|im_end|>");
    assertEquals(ExitCode.OK, train(), text);
  }
}
