package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.FileStamp;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.SafetensorsChecksum;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.equipoise.mbpo.storage.SafetensorsHeader;
import org.equipoise.mbpo.tensor.Scoped;
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

  private static final int MOST_TENSORS = 20_000;
  private static final int MOST_FILES = 1_000;
  private static final int LARGEST_INDEX = 1 << 22;

  private final Map<String, SafetensorsHeader> headerOf;
  private final List<FileStamp> stamps;

  private SafetensorsCheckpoint(Map<String, SafetensorsHeader> headerOf) {
    this.headerOf = headerOf;
    this.stamps = headerOf.values().stream().map(SafetensorsHeader::stamp).distinct().toList();
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
    requireUsual(single, headerOf.size(), 1);
    return new SafetensorsCheckpoint(headerOf);
  }

  /** The largest models of these families have 1,400 tensors in 40 files. */
  private static void requireUsual(Path file, int tensors, int files) {
    if (tensors > MOST_TENSORS || files > MOST_FILES) {
      throw new IllegalArgumentException(
          file
              + ": expected at most "
              + MOST_TENSORS
              + " tensors in "
              + MOST_FILES
              + " files, found "
              + tensors
              + " in "
              + files);
    }
  }

  private static SafetensorsCheckpoint sharded(Path folder, Path index) {
    long bytes = FileStamp.of(index).bytes();
    if (bytes > LARGEST_INDEX) {
      throw new IllegalArgumentException(
          index + ": expected at most " + LARGEST_INDEX + " bytes, found " + bytes);
    }
    JsonNode map = Json.readObject(index).path("weight_map");
    if (!map.isObject() || map.isEmpty()) {
      throw new IllegalArgumentException(
          index + ": weight_map: expected the file of each tensor, found " + map.getNodeType());
    }
    Set<String> shards = new TreeSet<>();
    map.forEach(shard -> shards.add(shard.asText()));
    requireUsual(index, map.size(), shards.size());
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
    return new SafetensorsCheckpoint(headerOf);
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
    return load(type, Set.of(), WeightReading.MAPPED);
  }

  /**
   * The same but for tensors that are no part of the model.
   *
   * @param without their names
   * @param reading {@code READ} leaves nothing mapped
   */
  Map<String, Tensor> load(@Nullable ScalarType type, Set<String> without, WeightReading reading) {
    Equipoise.initialize();
    requireUnchanged();
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      Function<String, Tensor> source = reading == WeightReading.READ ? reading() : mapping();
      for (String name : headerOf.keySet()) {
        if (!without.contains(name)) {
          tensors.put(name, Scoped.result(() -> converted(source.apply(name), type)));
        }
      }
      tensors.values().forEach(Tensor::retainReference);
    }
    requireUnchanged();
    return tensors;
  }

  private static Tensor converted(Tensor tensor, @Nullable ScalarType type) {
    boolean convert =
        type != null && tensor.is_floating_point() && tensor.scalar_type().intern() != type;
    return convert ? tensor.to(type) : tensor;
  }

  /** Tensors by name in memory of their own. */
  private Function<String, Tensor> reading() {
    headers().values().forEach(SafetensorsChecksum::verify);
    return name -> SafetensorsFile.readTensor(headerOf.get(name), name);
  }

  private Map<Path, SafetensorsHeader> headers() {
    Map<Path, SafetensorsHeader> headers = new LinkedHashMap<>();
    headerOf.values().forEach(header -> headers.put(header.file(), header));
    return headers;
  }

  /** Tensors by name as views of the files, which are mapped in the scope around. */
  private Function<String, Tensor> mapping() {
    Map<Path, Tensor> mapped = new LinkedHashMap<>();
    headers().forEach((file, header) -> mapped.put(file, map(header)));
    return name -> {
      SafetensorsHeader header = headerOf.get(name);
      return view(header, mapped.get(header.file()), header.entries().get(name));
    };
  }

  /**
   * Refuses to go on where a file is another one than when its header was read; takes some
   * microseconds a file.
   */
  public void requireUnchanged() {
    stamps.forEach(FileStamp::requireUnchanged);
  }

  /** One tensor, mapped; it belongs to the innermost scope. */
  Tensor mapped(String name) {
    Equipoise.initialize();
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
