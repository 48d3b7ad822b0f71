package org.equipoise.mbpo.storage;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
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
 * @param stamp by which the file is known again
 * @param dataStart where the tensors' bytes begin
 * @param entries tensors by name, in the header's order
 * @param metadata text by name
 */
public record SafetensorsHeader(
    FileStamp stamp, long dataStart, Map<String, Entry> entries, Map<String, String> metadata) {
  private static final String METADATA = "__metadata__";

  /** Some fifty times what the largest model of the supported families has. */
  private static final long LARGEST_HEADER = 1 << 24;

  private static final int MOST_TENSORS = 100_000;
  private static final int MOST_DIMENSIONS = 8;
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
      return Arrays.stream(shape).reduce(1, Math::multiplyExact);
    }
  }

  /** The file. */
  public Path file() {
    return stamp.file();
  }

  /** Size of the file. */
  public long fileBytes() {
    return stamp.bytes();
  }

  /** Reads and checks a file's header; errors name the file and the tensor. */
  public static SafetensorsHeader read(Path file) {
    try (FileChannel channel = RegularFiles.open(file)) {
      FileStamp stamp = FileStamp.of(file);
      long fileBytes = channel.size();
      ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      readFully(file, channel, length);
      refusePointer(file, channel);
      long bytes = length.flip().getLong();
      if (bytes < 2 || bytes > fileBytes - 8) {
        throw damaged(file, "its header length is " + bytes + " bytes in a file of " + fileBytes);
      }
      if (bytes > LARGEST_HEADER) {
        throw tooMuch(file, "a header of at most " + LARGEST_HEADER + " bytes", bytes + "");
      }
      ByteBuffer json = ByteBuffer.allocate((int) bytes);
      readFully(file, channel, json);
      return parse(stamp, 8 + bytes, json.array());
    } catch (IOException e) {
      throw StorageException.of("read", file, e);
    }
  }

  private static void refusePointer(Path file, FileChannel channel) throws IOException {
    ByteBuffer start = ByteBuffer.allocate(64);
    int read = channel.read(start, 0);
    LfsPointer.refuse(file, start.array(), Math.max(0, read));
  }

  private static SafetensorsHeader parse(FileStamp stamp, long dataStart, byte[] json) {
    Path file = stamp.file();
    Map<String, Entry> entries = new LinkedHashMap<>();
    Map<String, String> metadata = new LinkedHashMap<>();
    // Tensor by tensor: a tree of the whole header would take twenty times its size.
    try (JsonParser parser = STRICT.createParser(new String(json, StandardCharsets.UTF_8))) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw damaged(file, "its header is not a JSON object");
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        JsonNode value = STRICT.readTree(parser);
        if (name.equals(METADATA)) {
          value.properties().forEach(text -> metadata.put(text.getKey(), text.getValue().asText()));
        } else {
          entries.put(name, entry(file, name, value, stamp.bytes() - dataStart));
        }
        if (entries.size() > MOST_TENSORS) {
          throw tooMuch(file, "at most " + MOST_TENSORS + " tensors", "more");
        }
      }
    } catch (JsonProcessingException e) {
      throw damaged(file, "its header is not JSON: " + Json.problem(e));
    } catch (IOException e) {
      throw StorageException.of("read", file, e);
    }
    requireApart(file, entries);
    return new SafetensorsHeader(stamp, dataStart, entries, metadata);
  }

  private static IllegalArgumentException tooMuch(Path file, String expected, String found) {
    return new IllegalArgumentException(
        file
            + ": expected "
            + expected
            + ", more than any model has that is read here, found "
            + found);
  }

  private static Entry entry(Path file, String name, JsonNode node, long dataBytes) {
    ScalarType type = type(file, name, node.path("dtype").asText());
    JsonNode dimensions = node.path("shape");
    if (!dimensions.isArray()) {
      throw damaged(file, "tensor " + Excerpt.of(name) + " has no shape");
    }
    if (dimensions.size() > MOST_DIMENSIONS) {
      throw damaged(
          file, "tensor " + Excerpt.of(name) + " has " + dimensions.size() + " dimensions");
    }
    long[] shape = new long[dimensions.size()];
    long bytes = elementBytes(type);
    for (int d = 0; d < shape.length; d++) {
      JsonNode size = dimensions.get(d);
      if (!JsonNumbers.isWhole(size, 0, Long.MAX_VALUE)) {
        throw damaged(
            file,
            "tensor " + Excerpt.of(name) + " has the shape " + FieldUses.shortened(dimensions));
      }
      shape[d] = size.longValue();
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
    long from = offset(offsets.path(0));
    long to = offset(offsets.path(1));
    if (offsets.size() != 2 || from < 0 || to < from || to > dataBytes || to - from != bytes) {
      throw damaged(
          file,
          "tensor "
              + Excerpt.of(name)
              + " claims bytes "
              + FieldUses.shortened(offsets.path(0))
              + " to "
              + FieldUses.shortened(offsets.path(1))
              + ", its shape needs "
              + bytes
              + ", the file has "
              + dataBytes);
    }
    return new Entry(type, shape, from, to);
  }

  private static long offset(JsonNode value) {
    return JsonNumbers.isWhole(value, 0, Long.MAX_VALUE) ? value.longValue() : -1;
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
