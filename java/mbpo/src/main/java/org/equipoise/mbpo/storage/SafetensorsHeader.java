package org.equipoise.mbpo.storage;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What a safetensors file says it holds, checked against the file before anything is read: types,
 * shapes, places that fit the shapes, lie in the file and do not overlap. Immutable.
 *
 * @param file the file
 * @param dataStart where the tensors' bytes begin
 * @param fileBytes size of the file
 * @param entries tensors by name, in the header's order
 * @param metadata text by name
 */
public record SafetensorsHeader(
    Path file,
    long dataStart,
    long fileBytes,
    Map<String, Entry> entries,
    Map<String, String> metadata) {
  private static final String METADATA = "__metadata__";
  private static final long LARGEST_HEADER = 100_000_000;
  private static final ObjectMapper STRICT =
      JsonMapper.builder().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION).build();

  /**
   * One tensor.
   *
   * @param type of its elements
   * @param shape its dimensions
   * @param from first byte, counted from {@code dataStart}
   * @param to the byte after the last
   */
  public record Entry(ScalarType type, long[] shape, long from, long to) {
    public long bytes() {
      return to - from;
    }

    public long elements() {
      return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    }
  }

  /** Reads and checks a file's header; errors name the file and the tensor. */
  public static SafetensorsHeader read(Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long fileBytes = channel.size();
      ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      readFully(file, channel, length);
      refusePointer(file, channel);
      long bytes = length.flip().getLong();
      if (bytes < 2 || bytes > Math.min(LARGEST_HEADER, fileBytes - 8)) {
        throw damaged(file, "its header length is " + bytes + " bytes in a file of " + fileBytes);
      }
      ByteBuffer json = ByteBuffer.allocate((int) bytes);
      readFully(file, channel, json);
      return parse(file, 8 + bytes, fileBytes, json.array());
    } catch (IOException e) {
      throw StorageException.of("read", file, e);
    }
  }

  private static void refusePointer(Path file, FileChannel channel) throws IOException {
    ByteBuffer start = ByteBuffer.allocate(64);
    int read = channel.read(start, 0);
    LfsPointer.refuse(file, start.array(), Math.max(0, read));
  }

  private static SafetensorsHeader parse(Path file, long dataStart, long fileBytes, byte[] json) {
    JsonNode header;
    try {
      header = STRICT.readTree(new String(json, StandardCharsets.UTF_8));
    } catch (JsonProcessingException e) {
      throw damaged(file, "its header is not JSON: " + Json.problem(e));
    }
    if (!header.isObject()) {
      throw damaged(file, "its header is not a JSON object");
    }
    Map<String, Entry> entries = new LinkedHashMap<>();
    Map<String, String> metadata = new LinkedHashMap<>();
    header
        .properties()
        .forEach(
            field -> {
              if (field.getKey().equals(METADATA)) {
                field
                    .getValue()
                    .properties()
                    .forEach(text -> metadata.put(text.getKey(), text.getValue().asText()));
              } else {
                entries.put(
                    field.getKey(),
                    entry(file, field.getKey(), field.getValue(), fileBytes - dataStart));
              }
            });
    requireApart(file, entries);
    return new SafetensorsHeader(file, dataStart, fileBytes, entries, metadata);
  }

  private static Entry entry(Path file, String name, JsonNode node, long dataBytes) {
    ScalarType type = type(file, name, node.path("dtype").asText());
    JsonNode dimensions = node.path("shape");
    if (!dimensions.isArray()) {
      throw damaged(file, "tensor " + Excerpt.of(name) + " has no shape");
    }
    long[] shape = new long[dimensions.size()];
    long bytes = elementBytes(type);
    for (int d = 0; d < shape.length; d++) {
      JsonNode size = dimensions.get(d);
      if (!size.isIntegralNumber() || !size.canConvertToLong() || size.asLong() < 0) {
        throw damaged(
            file,
            "tensor " + Excerpt.of(name) + " has the shape " + Excerpt.of(dimensions.toString()));
      }
      shape[d] = size.asLong();
      try {
        bytes = Math.multiplyExact(bytes, shape[d]);
      } catch (ArithmeticException e) {
        throw damaged(
            file,
            "tensor "
                + Excerpt.of(name)
                + " has the impossible shape "
                + Excerpt.of(dimensions.toString()));
      }
    }
    JsonNode offsets = node.path("data_offsets");
    long from = offsets.path(0).asLong(-1);
    long to = offsets.path(1).asLong(-1);
    if (offsets.size() != 2 || from < 0 || to < from || to > dataBytes || to - from != bytes) {
      throw damaged(
          file,
          "tensor "
              + Excerpt.of(name)
              + " claims bytes "
              + from
              + " to "
              + to
              + ", its shape needs "
              + bytes
              + ", the file has "
              + dataBytes);
    }
    return new Entry(type, shape, from, to);
  }

  private static void requireApart(Path file, Map<String, Entry> entries) {
    List<Map.Entry<String, Entry>> byPlace = new ArrayList<>(entries.entrySet());
    byPlace.removeIf(entry -> entry.getValue().bytes() == 0);
    byPlace.sort(Comparator.comparingLong(entry -> entry.getValue().from()));
    for (int i = 1; i < byPlace.size(); i++) {
      if (byPlace.get(i).getValue().from() < byPlace.get(i - 1).getValue().to()) {
        throw damaged(
            file,
            "tensors "
                + byPlace.get(i - 1).getKey()
                + " and "
                + byPlace.get(i).getKey()
                + " overlap");
      }
    }
  }

  private static void readFully(Path file, FileChannel channel, ByteBuffer into)
      throws IOException {
    while (into.hasRemaining()) {
      if (channel.read(into) < 0) {
        throw damaged(file, "it ends too early");
      }
    }
  }

  private static long elementBytes(ScalarType type) {
    return switch (type) {
      case Double, Long -> 8;
      case Float, Int -> 4;
      case Half, BFloat16, Short -> 2;
      default -> 1;
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
      case "I8" -> ScalarType.Char;
      case "I16" -> ScalarType.Short;
      case "U16", "U32", "U64", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "F6_E2M3", "F6_E3M2" ->
          throw new IllegalArgumentException(
              file
                  + ": tensor "
                  + Excerpt.of(name)
                  + " is of type "
                  + text
                  + ", which is not supported: weights are read as float32, bfloat16 or float16."
                  + " Such types are those of quantised weights; take the checkpoint that was"
                  + " quantised");
      default ->
          throw damaged(
              file,
              "tensor "
                  + Excerpt.of(name)
                  + " has the unknown element type "
                  + Excerpt.quoted(text));
    };
  }

  static IllegalArgumentException damaged(Path file, String found) {
    return new IllegalArgumentException(
        file + " is not a whole safetensors file: " + found + "; fetch or write it again");
  }
}
