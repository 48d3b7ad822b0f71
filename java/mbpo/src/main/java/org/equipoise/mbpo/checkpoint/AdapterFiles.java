package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.lora.LoraAdapters;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.SafetensorsFile;

/**
 * Low-rank adapters as PEFT keeps them: {@code adapter_config.json} and {@code
 * adapter_model.safetensors}.
 */
public final class AdapterFiles {
  private static final String CONFIG = "adapter_config.json";
  private static final String WEIGHTS = "adapter_model.safetensors";
  private static final String PREFIX = "base_model.model.";

  private AdapterFiles() {}

  /**
   * @param base name or folder of the checkpoint that the adapters belong to
   */
  public static void write(LoraAdapters adapters, String base, Path folder) {
    AtomicFiles.createDirectories(folder);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    adapters.parameters().forEach((name, tensor) -> tensors.put(PREFIX + name, tensor));
    SafetensorsFile.write(folder.resolve(WEIGHTS), tensors, Map.of("format", "pt"));
    LoraOptions options = adapters.options();
    ObjectNode config = Json.MAPPER.createObjectNode();
    config.put("peft_type", "LORA");
    config.put("task_type", "CAUSAL_LM");
    config.put("base_model_name_or_path", base);
    config.put("r", options.rank());
    config.put("lora_alpha", options.alpha());
    config.put("lora_dropout", 0.0);
    config.put("target_modules", options.targets());
    config.put("bias", "none");
    config.put("inference_mode", true);
    AtomicFiles.write(folder.resolve(CONFIG), Json.text(config));
  }

  /** What {@link #read} needs to know to make the adapters that it fills. */
  public static LoraOptions options(Path folder) {
    Path file = folder.resolve(CONFIG);
    if (!Files.exists(file)) {
      throw new IllegalArgumentException(folder + ": expected " + CONFIG + ", found none");
    }
    JsonNode config = Json.readObject(file);
    JsonNode targets = config.path("target_modules");
    if (!config.path("peft_type").asText().equals("LORA")
        || !config.path("r").isIntegralNumber()
        || !config.path("lora_alpha").isNumber()
        || !targets.isTextual()) {
      throw new IllegalArgumentException(
          file
              + ": expected peft_type LORA with numbers r and lora_alpha and target_modules as a"
              + " regular expression, as this program writes them, found "
              + config);
    }
    return new LoraOptions(
        config.path("r").asInt(), config.path("lora_alpha").asDouble(), targets.asText(), 0);
  }

  /**
   * Refuses a folder whose adapters' names and shapes, as its header has them, do not fit.
   *
   * @param weights shapes of the model's tensors by name
   */
  public static void requireFit(Path folder, LoraOptions options, Map<String, long[]> weights) {
    Map<String, long[]> expected = new LinkedHashMap<>();
    try {
      LoraAdapters.shapes(options, weights)
          .forEach((name, shape) -> expected.put(PREFIX + name, shape));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(folder.resolve(CONFIG) + ": " + e.getMessage(), e);
    }
    SafetensorsFile.requireShapes(folder.resolve(WEIGHTS), expected);
  }

  /** Copies a folder's adapters into a model's; every name and shape must fit. */
  public static void read(Path folder, LoraAdapters adapters) {
    Path file = folder.resolve(WEIGHTS);
    try (PointerScope scope = new PointerScope()) {
      Map<String, Tensor> targets = new LinkedHashMap<>();
      adapters.parameters().forEach((name, tensor) -> targets.put(PREFIX + name, tensor));
      SafetensorsFile.readInto(file, targets);
    }
  }
}
