package org.equipoise.mbpo.storage;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32C;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.tensor.HostTensors;

/**
 * Reads and writes the safetensors format: 8 bytes of header length, a JSON header, then the
 * tensors' bytes, little-endian. Written atomically and with a {@link SafetensorsChecksum}, which
 * is verified when it is read; any file size.
 */
public final class SafetensorsFile {
  private static final String METADATA = "__metadata__";
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
      texts.put(SafetensorsChecksum.KEY, SafetensorsChecksum.BLANK);
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
      SafetensorsChecksum.put(padded, checksum(padded, host.values()));
      AtomicFiles.write(
          file,
          channel -> {
            channel.write(length(padded));
            channel.write(ByteBuffer.wrap(padded));
            for (Tensor tensor : host.values()) {
              for (long at = 0; at < byteCount(tensor); at += CHUNK) {
                channel.write(chunk(tensor, at));
              }
            }
          });
    }
  }

  private static String checksum(byte[] header, Iterable<Tensor> tensors) {
    CRC32C crc = new CRC32C();
    crc.update(length(header));
    crc.update(header);
    for (Tensor tensor : tensors) {
      for (long at = 0; at < byteCount(tensor); at += CHUNK) {
        crc.update(chunk(tensor, at));
      }
    }
    return SafetensorsChecksum.text(crc);
  }

  private static ByteBuffer length(byte[] header) {
    return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).flip();
  }

  /** Reads a whole file; one that has a checksum is refused if it is not as it was written. */
  public static Contents read(Path file) {
    SafetensorsHeader header = SafetensorsHeader.read(file);
    SafetensorsChecksum.verify(header);
    return contents(header);
  }

  /** Reads a file of ours, which must have a checksum and be as it was written. */
  public static Contents readChecked(Path file) {
    SafetensorsHeader header = SafetensorsHeader.read(file);
    if (!SafetensorsChecksum.verify(header)) {
      throw SafetensorsHeader.damaged(
          file, "it has no checksum, as an earlier version of this program wrote it");
    }
    return contents(header);
  }

  private static Contents contents(SafetensorsHeader header) {
    try (FileChannel channel = RegularFiles.open(header.file())) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      for (Map.Entry<String, SafetensorsHeader.Entry> entry : header.entries().entrySet()) {
        tensors.put(entry.getKey(), readTensor(header, channel, entry.getValue()));
      }
      return new Contents(tensors, header.metadata());
    } catch (IOException e) {
      throw StorageException.of("read", header.file(), e);
    }
  }

  /** One tensor in memory of its own, which belongs to the innermost scope; unverified. */
  public static Tensor readTensor(SafetensorsHeader header, String name) {
    try (FileChannel channel = RegularFiles.open(header.file())) {
      return readTensor(header, channel, header.entries().get(name));
    } catch (IOException e) {
      throw StorageException.of("read", header.file(), e);
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
    long[] found = HostTensors.shape(source);
    long[] expected = HostTensors.shape(target);
    if (!Arrays.equals(found, expected)) {
      throw new IllegalArgumentException(
          "tensor "
              + Excerpt.of(name)
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
        ? "it lacks " + Excerpt.of(missing)
        : "it also has "
            + Excerpt.of(
                found.keySet().stream()
                    .filter(n -> !expected.containsKey(n))
                    .findFirst()
                    .orElse("?"));
  }

  private static Tensor readTensor(
      SafetensorsHeader header, FileChannel channel, SafetensorsHeader.Entry entry)
      throws IOException {
    Tensor tensor;
    try (TensorOptions options = new TensorOptions(entry.type())) {
      tensor = torch.zeros(entry.shape(), options);
    }
    channel.position(header.dataStart() + entry.from());
    for (long at = 0; at < entry.bytes(); at += CHUNK) {
      ByteBuffer into = chunk(tensor, at);
      while (into.hasRemaining()) {
        if (channel.read(into) < 0) {
          throw SafetensorsHeader.damaged(header.file(), "it ends too early");
        }
      }
    }
    return tensor;
  }

  private static ByteBuffer chunk(Tensor tensor, long at) {
    long bytes = Math.min(CHUNK, byteCount(tensor) - at);
    return new BytePointer(tensor.data_ptr()).position(at).limit(at + bytes).asByteBuffer();
  }

  private static long byteCount(Tensor tensor) {
    return tensor.numel() * tensor.element_size();
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
                  + Excerpt.of(name)
                  + " has element type "
                  + tensor.scalar_type()
                  + ", which safetensors files of ours do not hold");
    };
  }
}
