package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.SafetensorsChecksum;
import org.equipoise.mbpo.storage.SafetensorsHeader;
import org.equipoise.torch.Equipoise;
import org.jspecify.annotations.Nullable;

/**
 * The weights of a checkpoint folder: {@code model.safetensors}, or {@code
 * model.safetensors.index.json} and the files it names. Headers are checked before anything is
 * mapped. Immutable.
 */
public final class SafetensorsCheckpoint {
  static final String SINGLE = "model.safetensors";
  static final String INDEX = "model.safetensors.index.json";

  private final Path folder;
  private final Map<String, SafetensorsHeader> headerOf;

  private SafetensorsCheckpoint(Path folder, Map<String, SafetensorsHeader> headerOf) {
    this.folder = folder;
    this.headerOf = headerOf;
  }

  /** Reads the headers; errors name the file and the tensor. */
  public static SafetensorsCheckpoint open(Path folder) {
    Path index = folder.resolve(INDEX);
    Path single = folder.resolve(SINGLE);
    // As in transformers: an index beside a whole file was left by an earlier checkpoint.
    if (!Files.exists(single) && Files.exists(index)) {
      return sharded(folder, index);
    }
    if (!Files.exists(single)) {
      throw CheckpointFolder.noWeights(folder, SINGLE, INDEX);
    }
    Map<String, SafetensorsHeader> headerOf = new LinkedHashMap<>();
    SafetensorsHeader header = SafetensorsHeader.read(single);
    header.entries().keySet().forEach(name -> headerOf.put(name, header));
    return new SafetensorsCheckpoint(folder, headerOf);
  }

  private static SafetensorsCheckpoint sharded(Path folder, Path index) {
    JsonNode map = Json.readObject(index).path("weight_map");
    if (!map.isObject() || map.isEmpty()) {
      throw new IllegalArgumentException(
          index + ": weight_map: expected the file of each tensor, found " + map.getNodeType());
    }
    Map<String, SafetensorsHeader> headers = new LinkedHashMap<>();
    Map<String, SafetensorsHeader> headerOf = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> entry : map.properties()) {
      String shard = entry.getValue().asText();
      // Names of files, not ways out of the folder.
      if (!shard.matches("[A-Za-z0-9._-]+\\.safetensors")) {
        throw new IllegalArgumentException(
            index
                + ": tensor "
                + Excerpt.of(entry.getKey())
                + ": expected a file name, found "
                + Excerpt.of(shard));
      }
      Path file = folder.resolve(shard);
      CheckpointFolder.requireNoBrokenLink(file);
      if (!Files.exists(file)) {
        throw new IllegalArgumentException(
            index
                + ": tensor "
                + Excerpt.of(entry.getKey())
                + " is in "
                + Excerpt.of(shard)
                + ", which does not exist");
      }
      SafetensorsHeader header =
          headers.computeIfAbsent(shard, name -> SafetensorsHeader.read(file));
      if (!header.entries().containsKey(entry.getKey())) {
        throw new IllegalArgumentException(
            file + ": expected tensor " + entry.getKey() + ", which the index names; found none");
      }
      headerOf.put(entry.getKey(), header);
    }
    return new SafetensorsCheckpoint(folder, headerOf);
  }

  public Path folder() {
    return folder;
  }

  /** Names as the files have them. */
  public Set<String> names() {
    return headerOf.keySet();
  }

  public SafetensorsHeader.Entry entry(String name) {
    return headerOf.get(name).entries().get(name);
  }

  /**
   * Sizes of the tensors by the model classes' names.
   *
   * @param without names that are no part of the model
   */
  Map<String, long[]> shapes(Set<String> without) {
    Map<String, long[]> shapes = new LinkedHashMap<>();
    for (String name : names()) {
      if (!without.contains(name)) {
        shapes.put(QwenKeys.toModel(name), entry(name).shape());
      }
    }
    return shapes;
  }

  /** The files that hold the weights. */
  public Set<Path> files() {
    Set<Path> files = new TreeSet<>();
    headerOf.values().forEach(header -> files.add(header.file()));
    return files;
  }

  /**
   * All tensors by the files' names. A tensor of the wanted type is a view of the mapped file,
   * whose pages are read when they are needed and are copied by who writes to them; the file never
   * changes. Other types are converted into memory of their own. The caller closes the tensors. The
   * files must not be cut while they are mapped: the process would be ended by the system.
   *
   * @param type {@code Float} or {@code BFloat16}; {@code null} keeps each file's own
   */
  public Map<String, Tensor> load(@Nullable ScalarType type) {
    Equipoise.initialize();
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      Map<Path, Tensor> mapped = new LinkedHashMap<>();
      headerOf.forEach(
          (name, header) -> {
            Tensor bytes = mapped.computeIfAbsent(header.file(), file -> map(header));
            Tensor tensor = view(header, bytes, header.entries().get(name));
            boolean convert =
                type != null && tensor.is_floating_point() && tensor.scalar_type().intern() != type;
            tensors.put(name, (convert ? tensor.to(type) : tensor).retainReference());
          });
    }
    return tensors;
  }

  /** One tensor, mapped; it belongs to the innermost scope. */
  Tensor mapped(String name) {
    SafetensorsHeader header = headerOf.get(name);
    return view(header, map(header), header.entries().get(name));
  }

  private static Tensor map(SafetensorsHeader header) {
    SafetensorsChecksum.verify(header);
    try (TensorOptions bytes = new TensorOptions(ScalarType.Byte);
        BoolOptional copiedOnWrite = new BoolOptional(false);
        LongOptional size = new LongOptional(header.fileBytes())) {
      return torch.from_file(header.file().toString(), copiedOnWrite, size, bytes);
    }
  }

  private static Tensor view(
      SafetensorsHeader header, Tensor bytes, SafetensorsHeader.Entry entry) {
    long start = header.dataStart() + entry.from();
    Tensor own = bytes.narrow(0, start, entry.bytes());
    long elementBytes = entry.elements() == 0 ? 1 : entry.bytes() / entry.elements();
    // A header of odd length leaves the data at odd addresses.
    Tensor aligned = start % elementBytes == 0 ? own : own.clone();
    return aligned.view(entry.type()).view(entry.shape());
  }
}
