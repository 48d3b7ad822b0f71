package org.equipoise.mbpo.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Folders as people have them: caches of the Hub, and what is taken for a checkpoint and is none.
 */
class CheckpointFolderTest {
  private static final long MAX_PIXELS = QwenImageProcessor.DEFAULT_MAX_PIXELS;
  private static final String WEIGHTS = "model.safetensors";
  private static final String POINTER =
      "version https://git-lfs.github.com/spec/v1\n"
          + "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
          + "size 3989163248\n";

  @TempDir Path folder;

  private Path copy() {
    return TinyCheckpoint.copyInto(folder.resolve("checkpoint"));
  }

  private static void assertRefused(Path checkpoint, String... parts) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> QwenCheckpoint.open(checkpoint))
            .getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), "\"" + message + "\" says " + part);
    }
    assertTrue(message.length() < 600, "short: " + message);
  }

  /** As huggingface_hub lays files out: names are links into a folder of contents. */
  private Path cache() throws IOException {
    Path model = folder.resolve("hub/models--Qwen--Tiny-VL");
    Path snapshot = model.resolve("snapshots/895c3a49bc3fa70a340399125c650a463535e71c");
    Files.createDirectories(snapshot);
    Files.createDirectories(model.resolve("blobs"));
    Files.createDirectories(model.resolve("refs"));
    Files.writeString(model.resolve("refs/main"), snapshot.getFileName().toString());
    try (Stream<Path> files = Files.list(TinyCheckpoint.folder())) {
      int number = 0;
      for (Path file : files.toList()) {
        String blob = "a" + number++;
        Files.copy(file, model.resolve("blobs").resolve(blob));
        Files.createSymbolicLink(
            snapshot.resolve(file.getFileName().toString()), Path.of("../../blobs", blob));
      }
    }
    return snapshot;
  }

  @Test
  void linksOfTheHubsCacheAreFollowedAndExported() throws IOException {
    Path snapshot = cache();
    QwenCheckpoint opened = QwenCheckpoint.open(snapshot);
    Path merged = folder.resolve("merged");
    try (QwenModel model = opened.loadFrozen(ScalarType.Float, MAX_PIXELS);
        QwenModel plain =
            QwenCheckpoint.open(TinyCheckpoint.folder()).loadFrozen(ScalarType.Float, MAX_PIXELS)) {
      assertArrayEquals(AdapterGoldenTest.logits(plain), AdapterGoldenTest.logits(model));
      CheckpointWriter.write(model, opened, merged, CheckpointWriter.SHARD_BYTES);
    }
    assertTrue(Files.isRegularFile(merged.resolve("tokenizer.json")));
    assertTrue(!Files.isSymbolicLink(merged.resolve("tokenizer.json")));
    Files.delete(snapshot.resolve(WEIGHTS).toRealPath());
    assertRefused(snapshot, WEIGHTS, "link to ../../blobs", "fetch it again");
  }

  @Test
  void foldersOfCachesAndNamesOfTheHubSayWhereTheCheckpointIs() throws IOException {
    Path snapshot = cache();
    Path model = snapshot.getParent().getParent();
    assertRefused(model, "cache of the Hugging Face Hub", snapshot.toString());
    assertRefused(model.getParent(), "models--Qwen--Tiny-VL");
    assertRefused(snapshot.getParent(), "name one of them", snapshot.getFileName().toString());
    Files.delete(model.resolve("refs/main"));
    assertRefused(model, "snapshots", snapshot.getFileName().toString());
    assertRefused(
        Path.of("Qwen/Qwen2-VL-0B-Nowhere"),
        "name on the Hugging Face Hub",
        "hf download Qwen/Qwen2-VL-0B-Nowhere");
    assertRefused(folder.resolve("nowhere"), "expected a folder");
    assertRefused(snapshot.resolve(WEIGHTS), "is a file", "the folder");
  }

  @Test
  void pointersOfLfsAreNamed() throws IOException {
    Path checkpoint = copy();
    for (String name : List.of(WEIGHTS, "config.json", "generation_config.json")) {
      byte[] whole = Files.readAllBytes(checkpoint.resolve(name));
      Files.writeString(checkpoint.resolve(name), POINTER);
      assertRefused(checkpoint, name, "pointer of Git LFS", "git lfs pull");
      Files.write(checkpoint.resolve(name), whole);
    }
  }

  @Test
  void otherFilesOfWeightsAreNamed() throws IOException {
    Path checkpoint = copy();
    Path weights = checkpoint.resolve(WEIGHTS);
    Files.move(weights, checkpoint.resolve("pytorch_model.bin"));
    assertRefused(checkpoint, "pytorch_model.bin", "convert", "save_pretrained");
    Files.move(checkpoint.resolve("pytorch_model.bin"), checkpoint.resolve("q4_k_m.gguf"));
    assertRefused(checkpoint, "found q4_k_m.gguf alone");
    Files.delete(checkpoint.resolve("config.json"));
    assertRefused(checkpoint, "GGUF");
    Path other = folder.resolve("other");
    Files.createDirectories(other);
    assertRefused(other, "config.json", "empty");
    Files.writeString(other.resolve("adapter_config.json"), "{}");
    assertRefused(other, "model.adapter", "model.folder");
    Files.delete(other.resolve("adapter_config.json"));
    TinyCheckpoint.copyInto(other.resolve("checkpoint-500"));
    assertRefused(other, "name one of them", "checkpoint-500");
  }

  @Test
  void quantisedCheckpointsSayWhatTheyAre() throws IOException {
    Path checkpoint = copy();
    Path config = checkpoint.resolve("config.json");
    ObjectNode json = (ObjectNode) Json.readObject(config);
    String whole = json.toString();
    // As in Qwen2-VL-2B-Instruct-AWQ, -GPTQ-Int4, and what bitsandbytes and fp8 write.
    for (String method : List.of("awq", "gptq", "bitsandbytes", "fp8")) {
      json.putObject("quantization_config").put("quant_method", method).put("bits", 4);
      Files.writeString(config, json.toString());
      assertRefused(checkpoint, "config.json", "quantization_config", method, "was quantised");
    }
    Files.writeString(config, whole);
    try (PointerScope scope = new PointerScope()) {
      Map<String, Tensor> tensors =
          new LinkedHashMap<>(SafetensorsFile.read(checkpoint.resolve(WEIGHTS)).tensors());
      String path = "model.layers.0.mlp.up_proj.";
      Tensor weight = tensors.remove(path + "weight");
      for (String name : List.of("qweight", "qzeros", "weight.quant_state.bitsandbytes__nf4")) {
        Map<String, Tensor> changed = new LinkedHashMap<>(tensors);
        changed.put(path + name, weight.to(ScalarType.Int));
        SafetensorsFile.write(checkpoint.resolve(WEIGHTS), changed, Map.of());
        assertRefused(checkpoint, path + name, "quantised weights");
      }
      tensors.put(path + "weight", weight.to(ScalarType.Byte));
      SafetensorsFile.write(checkpoint.resolve(WEIGHTS), tensors, Map.of());
      assertRefused(checkpoint, path + "weight", "quantised weights");
    }
  }
}
