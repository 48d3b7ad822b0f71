package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.qwen.QwenModel;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.equipoise.mbpo.storage.StorageException;

/**
 * Writes a trained model as a checkpoint that transformers loads: the base's names and other files
 * (those that {@link CheckpointCopy} knows), with the adapters added to the weights. A tied head is
 * left out; where the model has a head of its own, the configuration says so, whatever the base's
 * said.
 */
public final class CheckpointWriter {
  /** Bytes of weights in one file. */
  public static final long SHARD_BYTES = 4_000_000_000L;

  private static final String CONFIG = "config.json";
  private static final String TIED = "tie_word_embeddings";
  private static final Map<String, String> FORMAT = Map.of("format", "pt");

  private CheckpointWriter() {}

  /**
   * Each file is written atomically and the one that names the others last, so that a folder whose
   * writing was interrupted does not load.
   *
   * @param source the checkpoint that the model was loaded from
   * @param folder where to write; not the source's
   * @param shardBytes at most so many bytes of weights in a file, except for larger tensors
   */
  public static void write(QwenModel model, QwenCheckpoint source, Path folder, long shardBytes) {
    requireOther(source, folder);
    AtomicFiles.createDirectories(folder);
    List<List<String>> shards = shards(model, shardBytes);
    QwenKeys keys = source.keys();
    ObjectNode map = Json.MAPPER.createObjectNode();
    long total = 0;
    for (int i = 0; i < shards.size(); i++) {
      String file =
          shards.size() == 1
              ? SafetensorsCheckpoint.SINGLE
              : String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, shards.size());
      try (PointerScope scope = new PointerScope()) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (String name : shards.get(i)) {
          Tensor tensor = model.merged(name);
          tensors.put(keys.toFile(name), tensor);
          map.put(keys.toFile(name), file);
          total += bytes(tensor);
        }
        SafetensorsFile.write(folder.resolve(file), tensors, FORMAT);
      }
    }
    CheckpointCopy.copy(source.folder(), folder);
    writeConfig(model, source.folder(), folder);
    if (shards.size() > 1) {
      ObjectNode index = Json.MAPPER.createObjectNode();
      index.putObject("metadata").put("total_size", total);
      index.set("weight_map", map);
      AtomicFiles.write(folder.resolve(SafetensorsCheckpoint.INDEX), Json.text(index));
    }
  }

  /** Refuses to write a checkpoint over the one that it is made of. */
  public static void requireOther(QwenCheckpoint source, Path folder) {
    if (isSame(folder, source.folder())) {
      throw new IllegalArgumentException(
          folder + " is the checkpoint that is trained; write the result into another folder");
    }
  }

  private static boolean isSame(Path folder, Path other) {
    try {
      return Files.exists(folder) && Files.isSameFile(folder, other);
    } catch (IOException e) {
      throw StorageException.of("read", folder, e);
    }
  }

  private static List<List<String>> shards(QwenModel model, long shardBytes) {
    List<List<String>> shards = new ArrayList<>();
    long filled = 0;
    for (String name : model.baseNames()) {
      long bytes = bytes(model.weights().get(name));
      if (shards.isEmpty() || filled + bytes > shardBytes) {
        shards.add(new ArrayList<>());
        filled = 0;
      }
      shards.get(shards.size() - 1).add(name);
      filled += bytes;
    }
    return shards;
  }

  private static long bytes(Tensor tensor) {
    return tensor.numel() * tensor.element_size();
  }

  /**
   * The base's, with the type of the weights that are written and, where the head is not the
   * embedding, without saying that it is: programs differ in whether they believe the flag or the
   * files.
   */
  private static void writeConfig(QwenModel model, Path from, Path to) {
    ObjectNode config = (ObjectNode) Json.readObject(from.resolve(CONFIG));
    String type = typeName(model);
    for (String field : List.of("dtype", "torch_dtype")) {
      if (config.has(field)) {
        config.put(field, type);
      }
    }
    if (!model.config().tiedHead()) {
      config.put(TIED, false);
      if (config.path("text_config").has(TIED)) {
        ((ObjectNode) config.get("text_config")).put(TIED, false);
      }
    }
    AtomicFiles.write(to.resolve(CONFIG), Json.text(config));
  }

  private static String typeName(QwenModel model) {
    return model.weights().get(QwenNames.EMBEDDING).scalar_type().intern() == ScalarType.BFloat16
        ? "bfloat16"
        : "float32";
  }
}
