package org.equipoise.mbpo.storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.tensor.HostTensors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsChecksumTest {
  private static final float[] VALUES = {1, -2, 3.5f, 0, 5, 6};

  @TempDir Path folder;

  private Path written() {
    Path file = folder.resolve("a.safetensors");
    try (PointerScope scope = new PointerScope()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      tensors.put("first", HostTensors.floats(VALUES, 2, 3));
      tensors.put("second", HostTensors.floats(new float[] {7}, 1));
      SafetensorsFile.write(file, tensors, Map.of("format", "pt"));
    }
    return file;
  }

  /** The file that the safetensors library of Python wrote has none and is taken as it is. */
  @Test
  void filesOfOthersAreNotRefused() throws Exception {
    Path own = written();
    byte[] bytes = Files.readAllBytes(own);
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    int from = text.indexOf(",\"" + SafetensorsChecksum.KEY);
    assertTrue(from > 0);
    // Spaces in its place: what anybody else would have written.
    Arrays.fill(bytes, from, text.indexOf('}', from), (byte) ' ');
    bytes[bytes.length - 1] ^= 1;
    Path other = Files.write(folder.resolve("b.safetensors"), bytes);
    assertFalse(SafetensorsChecksum.verify(SafetensorsHeader.read(other)));
    try (PointerScope scope = new PointerScope()) {
      Tensor first = SafetensorsFile.read(other).tensors().get("first");
      assertArrayEquals(VALUES, HostTensors.toFloats(first));
    }
    String refused =
        assertThrows(IllegalArgumentException.class, () -> SafetensorsFile.readChecked(other))
            .getMessage();
    assertTrue(refused.contains("no checksum"), refused);
  }

  @Test
  void everyFlippedByteAndEveryCutIsFound() throws Exception {
    Path file = written();
    assertTrue(SafetensorsChecksum.verify(SafetensorsHeader.read(file)));
    byte[] bytes = Files.readAllBytes(file);
    for (int at = 0; at < bytes.length; at++) {
      byte[] damaged = bytes.clone();
      damaged[at] ^= (byte) (1 << at % 8);
      refused(file, damaged, "flipped at " + at);
    }
    refused(file, Arrays.copyOf(bytes, bytes.length - 1), "cut");
    refused(file, Arrays.copyOf(bytes, bytes.length + 1), "longer");
    Files.write(file, bytes);
    assertEquals(2, SafetensorsFile.readChecked(file).tensors().size());
  }

  private static void refused(Path file, byte[] damaged, String how) throws Exception {
    Files.write(file, damaged);
    String said =
        assertThrows(IllegalArgumentException.class, () -> SafetensorsFile.readChecked(file), how)
            .getMessage();
    assertTrue(said.startsWith(file + " is not a whole safetensors file: "), said);
  }
}
