package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.bytedeco.javacpp.Loader;
import org.equipoise.kernels.abi.EquipoiseAbi;
import org.equipoise.torch.adapter.TorchAdapter;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A library that names a folder of the machine that built it as one to look for others in would
 * load them from there on every machine, whoever made that folder; and no two builds would be the
 * same.
 */
class BuiltLibrariesTest {
  @ParameterizedTest
  @CsvSource({
    "kernels, equipoise",
    "kernels, jniEquipoise",
    "torch, equipoise_torch",
    "torch, jniEquipoiseTorch"
  })
  void noLibraryLooksForOthersWhereItWasBuilt(String module, String library) throws IOException {
    Class<?> owner = module.equals("kernels") ? EquipoiseAbi.class : TorchAdapter.class;
    String platform = Loader.getPlatform();
    String name = platform.startsWith("mac") ? "lib" + library + ".dylib" : "lib" + library + ".so";
    try (InputStream file = owner.getResourceAsStream(platform + "/" + name)) {
      assertNotNull(file, name);
      String bytes = new String(file.readAllBytes(), StandardCharsets.ISO_8859_1);
      assertFalse(bytes.contains("/native/target"), name + " names the folder of its build");
    }
  }
}
