package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.lora.LoraAdapters;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.equipoise.mbpo.storage.SafetensorsHeader;
import org.equipoise.mbpo.tensor.HostTensors;

/**
 * A folder with low-rank adapters as PEFT keeps them: {@code adapter_config.json} and {@code
 * adapter_model.safetensors}. Which layers have adapters, and of what rank, is what the tensors
 * say; the configuration must agree. Adapters of linear layers can be trained further; what else
 * PEFT saves (whole modules, biases, rows of the embedding, adapters of the embedding, the head and
 * convolutions) becomes part of the weights and is kept as it is. Immutable.
 */
public final class PeftAdapter {
  static final String CONFIG = "adapter_config.json";
  static final String WEIGHTS = "adapter_model.safetensors";

  /**
   * In the metadata of weights that were written here: the checksum of the configuration's bytes.
   */
  private static final String CONFIG_CHECKSUM = "equipoise.adapter_config.crc32c";

  private final AdapterConfig config;
  private final SafetensorsHeader header;
  private final Map<String, AdapterKey> keys;

  private PeftAdapter(
      AdapterConfig config, SafetensorsHeader header, Map<String, AdapterKey> keys) {
    this.config = config;
    this.header = header;
    this.keys = keys;
  }

  /** Reads configuration and header, no weights; errors name the file and the field or tensor. */
  public static PeftAdapter open(Path folder) {
    Path json = folder.resolve(CONFIG);
    if (!Files.exists(json)) {
      throw CheckpointFolder.noAdapter(folder);
    }
    AdapterConfig config = AdapterConfig.read(json);
    Path file = CheckpointFolder.adapterWeights(folder);
    SafetensorsHeader header = SafetensorsHeader.read(file);
    Map<String, AdapterKey> keys = new LinkedHashMap<>();
    Map<String, String> seen = new LinkedHashMap<>();
    for (String name : header.entries().keySet()) {
      AdapterKey key = AdapterKey.of(name);
      if (key.kind() == AdapterKey.Kind.UNKNOWN) {
        throw new IllegalArgumentException(
            file
                + ": tensor "
                + Excerpt.of(name)
                + " belongs to no kind of adapter that is supported; merge the adapter with PEFT's"
                + " merge_and_unload() and name the merged checkpoint as model.folder");
      }
      String other = seen.put(key.peftName(), name);
      if (other != null) {
        throw new IllegalArgumentException(
            file
                + ": tensors "
                + Excerpt.of(other)
                + " and "
                + Excerpt.of(name)
                + " are two adapters of one layer");
      }
      keys.put(name, key);
    }
    return new PeftAdapter(config, header, keys);
  }

  /** What a user should know, one sentence each. */
  public List<String> remarks() {
    List<String> remarks = new ArrayList<>(config.remarks());
    Path json = header.file().resolveSibling(CONFIG);
    String written = header.metadata().get(CONFIG_CHECKSUM);
    if (written != null && !written.equals(checksum(AtomicFiles.read(json)))) {
      remarks.add(
          json
              + " is not the one that was written with "
              + WEIGHTS
              + ": it was changed by hand or damaged; ranks and scales are taken as it has them");
    }
    return remarks;
  }

  AdapterConfig config() {
    return config;
  }

  Path file() {
    return header.file();
  }

  /** The tensors' roles by their names in the file. */
  Map<String, AdapterKey> keys() {
    return keys;
  }

  long[] shape(String name) {
    return header.entries().get(name).shape();
  }

  /**
   * Whether the adapter fits a checkpoint, from headers alone.
   *
   * @param shapes of the checkpoint's tensors by the model classes' names
   * @return what a user should know, one sentence each
   */
  public List<String> check(Map<String, long[]> shapes) {
    return new AdapterCheck(this, shapes).run();
  }

  /**
   * Loads the adapter for these weights.
   *
   * @param weights by the model classes' names; what the adapter replaces is replaced in the map
   */
  public LoraAdapters load(Map<String, Tensor> weights) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    weights.forEach((name, tensor) -> shapes.put(name, HostTensors.shape(tensor)));
    check(shapes);
    try (PointerScope scope = new PointerScope()) {
      return new AdapterFolding(this, SafetensorsFile.read(header.file()).tensors()).apply(weights);
    }
  }

  /** Layers that can be trained further. */
  public int trainableLayers() {
    return (int) keys.values().stream().filter(this::isTrainable).count() / 2;
  }

  /** Whether the tensor stays with the model as an adapter instead of going into the weights. */
  boolean isTrainable(AdapterKey key) {
    boolean linear = key.kind() == AdapterKey.Kind.A || key.kind() == AdapterKey.Kind.B;
    return linear && !AdapterFolding.isFolded(key.path());
  }

  /** Names in the file of what went into the weights. */
  private List<String> kept() {
    List<String> kept = new ArrayList<>();
    keys.forEach(
        (name, key) -> {
          if (!isTrainable(key)) {
            kept.add(name);
          }
        });
    return kept;
  }

  /**
   * Sentence about what stays as it is while training goes on; empty where everything is trained.
   */
  public List<String> keptWhileTraining() {
    List<String> kept = kept();
    return kept.isEmpty()
        ? List.of()
        : List.of(
            header.file()
                + ": "
                + kept.size()
                + " tensors that are no adapters of linear layers (the first is "
                + kept.get(0)
                + ") stay as they are while training goes on, and are saved again");
  }

  /** Writes what became of these adapters, with the same configuration and all that was kept. */
  public void write(LoraAdapters adapters, Path folder) {
    ObjectNode json = config.json();
    json.put("inference_mode", true);
    try (PointerScope scope = new PointerScope()) {
      Map<String, Tensor> own = SafetensorsFile.read(header.file()).tensors();
      Map<String, Tensor> tensors = named(adapters);
      kept().forEach(name -> tensors.put(keys.get(name).peftName(), own.get(name)));
      write(json, tensors, folder);
    }
  }

  /**
   * Writes adapters that were trained from fresh ones.
   *
   * @param base name or folder of the checkpoint that the adapters belong to
   */
  public static void write(LoraAdapters adapters, LoraOptions options, String base, Path folder) {
    ObjectNode json = Json.MAPPER.createObjectNode();
    json.put("peft_type", "LORA");
    json.put("task_type", "CAUSAL_LM");
    json.put("base_model_name_or_path", base);
    json.put("r", options.rank());
    json.put("lora_alpha", options.alpha());
    json.put("lora_dropout", 0.0);
    json.put("target_modules", options.targets());
    json.put("bias", "none");
    json.put("inference_mode", true);
    write(json, named(adapters), folder);
  }

  private static Map<String, Tensor> named(LoraAdapters adapters) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    adapters.parameters().forEach((name, tensor) -> tensors.put(AdapterKey.peftName(name), tensor));
    return tensors;
  }

  private static void write(ObjectNode json, Map<String, Tensor> tensors, Path folder) {
    AtomicFiles.createDirectories(folder);
    String text = Json.text(json);
    SafetensorsFile.write(
        folder.resolve(WEIGHTS),
        tensors,
        Map.of("format", "pt", CONFIG_CHECKSUM, checksum(text.getBytes(StandardCharsets.UTF_8))));
    AtomicFiles.write(folder.resolve(CONFIG), text);
  }

  private static String checksum(byte[] bytes) {
    CRC32C sum = new CRC32C();
    sum.update(bytes);
    return Long.toHexString(sum.getValue());
  }
}
