package org.equipoise.mbpo.storage;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Reads and writes the safetensors format: 8 bytes of header length, a JSON header, then the
 * tensors' bytes, little-endian. Written atomically; any file size.
 */
public final class SafetensorsFile {
  private static final String METADATA = "__metadata__";
  private static final long LARGEST_HEADER = 100_000_000;
  private static final int CHUNK = 1 << 28;

  private SafetensorsFile() {}

  /**
   * @param tensors by name in file order; they belong to the innermost PointerScope
   * @param metadata text by name
   */
  public record Contents(Map<String, Tensor> tensors, Map<String, String> metadata) {}

  /** Writes tensors in the map's order. */
  public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      ObjectNode header = Json.MAPPER.createObjectNode();
      ObjectNode texts = header.putObject(METADATA);
      metadata.forEach(texts::put);
      Map<String, Tensor> host = new LinkedHashMap<>();
      long offset = 0;
      for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
        Tensor tensor = entry.getValue().detach().cpu().contiguous();
        host.put(entry.getKey(), tensor);
        ObjectNode description = header.putObject(entry.getKey());
        description.put("dtype", typeName(tensor, entry.getKey()));
        ArrayNode shape = description.putArray("shape");
        for (long d = 0; d < tensor.dim(); d++) {
          shape.add(tensor.size(d));
        }
        ArrayNode offsets = description.putArray("data_offsets");
        offsets.add(offset);
        offset += byteCount(tensor);
        offsets.add(offset);
      }
      byte[] json = Json.bytes(header);
      byte[] padded = Arrays.copyOf(json, (json.length + 7) / 8 * 8);
      Arrays.fill(padded, json.length, padded.length, (byte) ' ');
      AtomicFiles.write(
          file,
          channel -> {
            ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
            channel.write(length.putLong(padded.length).flip());
            channel.write(ByteBuffer.wrap(padded));
            for (Tensor tensor : host.values()) {
              for (long at = 0; at < byteCount(tensor); at += CHUNK) {
                channel.write(chunk(tensor, at));
              }
            }
          });
    }
  }

  /** Reads a whole file. */
  public static Contents read(Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      JsonNode header = header(file, channel);
      long start = channel.position();
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      for (Map.Entry<String, JsonNode> entry : header.properties()) {
        if (!entry.getKey().equals(METADATA)) {
          tensors.put(entry.getKey(), readTensor(file, channel, start, entry));
        }
      }
      return new Contents(tensors, metadata(header));
    } catch (IOException e) {
      throw StorageException.of("read", file, e);
    }
  }

  /** The metadata alone. */
  public static Map<String, String> readMetadata(Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return metadata(header(file, channel));
    } catch (IOException e) {
      throw StorageException.of("read", file, e);
    }
  }

  /** Copies a file's tensors into existing ones; names, shapes and order of names must match. */
  public static void readInto(Path file, Map<String, Tensor> targets) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      Map<String, Tensor> tensors = read(file).tensors();
      if (!tensors.keySet().equals(targets.keySet())) {
        throw new IllegalArgumentException(
            file + " holds other tensors than this model: " + difference(tensors, targets));
      }
      targets.forEach((name, target) -> copyInto(file, name, tensors.get(name), target));
    }
  }

  /** Copies one tensor into another of the same shape; an error names the file and the tensor. */
  public static void copyInto(Path file, String name, Tensor source, Tensor target) {
    long[] found = shape(source);
    long[] expected = shape(target);
    if (!Arrays.equals(found, expected)) {
      throw new IllegalArgumentException(
          "tensor "
              + name
              + " in "
              + file
              + " has shape "
              + Arrays.toString(found)
              + ", expected "
              + Arrays.toString(expected));
    }
    target.copy_(source);
  }

  private static String difference(Map<String, Tensor> found, Map<String, Tensor> expected) {
    String missing =
        expected.keySet().stream().filter(n -> !found.containsKey(n)).findFirst().orElse(null);
    return missing != null
        ? "it lacks " + missing
        : "it also has "
            + found.keySet().stream().filter(n -> !expected.containsKey(n)).findFirst().orElse("?");
  }

  private static JsonNode header(Path file, FileChannel channel) throws IOException {
    ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    readFully(file, channel, length);
    long bytes = length.flip().getLong();
    if (bytes < 2 || bytes > Math.min(LARGEST_HEADER, channel.size() - 8)) {
      throw damaged(
          file, "its header length is " + bytes + " bytes in a file of " + channel.size());
    }
    ByteBuffer json = ByteBuffer.allocate((int) bytes);
    readFully(file, channel, json);
    try {
      JsonNode header = Json.MAPPER.readTree(new String(json.array(), StandardCharsets.UTF_8));
      if (!header.isObject()) {
        throw damaged(file, "its header is not a JSON object");
      }
      return header;
    } catch (JsonProcessingException e) {
      throw damaged(file, "its header is not JSON: " + e.getOriginalMessage());
    }
  }

  private static Map<String, String> metadata(JsonNode header) {
    Map<String, String> metadata = new LinkedHashMap<>();
    header
        .path(METADATA)
        .properties()
        .forEach(e -> metadata.put(e.getKey(), e.getValue().asText()));
    return metadata;
  }

  private static Tensor readTensor(
      Path file, FileChannel channel, long start, Map.Entry<String, JsonNode> entry)
      throws IOException {
    JsonNode description = entry.getValue();
    long[] shape = new long[description.path("shape").size()];
    for (int d = 0; d < shape.length; d++) {
      shape[d] = description.path("shape").get(d).asLong();
    }
    ScalarType type = type(file, entry.getKey(), description.path("dtype").asText());
    long from = description.path("data_offsets").path(0).asLong(-1);
    long to = description.path("data_offsets").path(1).asLong(-1);
    Tensor tensor;
    try (TensorOptions options = new TensorOptions(type)) {
      tensor = torch.zeros(shape, options);
    }
    if (from < 0 || to - from != byteCount(tensor) || start + to > channel.size()) {
      throw damaged(
          file,
          "tensor "
              + entry.getKey()
              + " claims bytes "
              + from
              + " to "
              + to
              + ", its shape needs "
              + byteCount(tensor)
              + ", the file has "
              + (channel.size() - start));
    }
    channel.position(start + from);
    for (long at = 0; at < to - from; at += CHUNK) {
      readFully(file, channel, chunk(tensor, at));
    }
    return tensor;
  }

  private static void readFully(Path file, FileChannel channel, ByteBuffer into)
      throws IOException {
    while (into.hasRemaining()) {
      if (channel.read(into) < 0) {
        throw damaged(file, "it ends too early");
      }
    }
  }

  private static ByteBuffer chunk(Tensor tensor, long at) {
    long bytes = Math.min(CHUNK, byteCount(tensor) - at);
    return new BytePointer(tensor.data_ptr()).position(at).limit(at + bytes).asByteBuffer();
  }

  private static long byteCount(Tensor tensor) {
    return tensor.numel() * tensor.element_size();
  }

  private static long[] shape(Tensor tensor) {
    long[] shape = new long[(int) tensor.dim()];
    for (int d = 0; d < shape.length; d++) {
      shape[d] = tensor.size(d);
    }
    return shape;
  }

  private static String typeName(Tensor tensor, String name) {
    return switch (tensor.scalar_type().intern()) {
      case Float -> "F32";
      case Double -> "F64";
      case Half -> "F16";
      case BFloat16 -> "BF16";
      case Long -> "I64";
      case Int -> "I32";
      case Byte -> "U8";
      case Bool -> "BOOL";
      default ->
          throw new IllegalArgumentException(
              "tensor "
                  + name
                  + " has element type "
                  + tensor.scalar_type()
                  + ", which safetensors files of ours do not hold");
    };
  }

  private static ScalarType type(Path file, String name, String text) {
    return switch (text) {
      case "F32" -> ScalarType.Float;
      case "F64" -> ScalarType.Double;
      case "F16" -> ScalarType.Half;
      case "BF16" -> ScalarType.BFloat16;
      case "I64" -> ScalarType.Long;
      case "I32" -> ScalarType.Int;
      case "U8" -> ScalarType.Byte;
      case "BOOL" -> ScalarType.Bool;
      default ->
          throw damaged(file, "tensor " + name + " has the unknown element type \"" + text + "\"");
    };
  }

  private static IllegalArgumentException damaged(Path file, String found) {
    return new IllegalArgumentException(
        file + " is not a whole safetensors file: " + found + "; fetch or write it again");
  }
}
