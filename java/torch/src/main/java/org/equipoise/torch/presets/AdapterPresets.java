package org.equipoise.torch.presets;

import org.bytedeco.javacpp.annotation.Platform;
import org.bytedeco.javacpp.annotation.Properties;
import org.bytedeco.javacpp.tools.Info;
import org.bytedeco.javacpp.tools.InfoMap;
import org.bytedeco.javacpp.tools.InfoMapper;
import org.equipoise.kernels.presets.EquipoisePresets;

/** Tells JavaCPP how to turn the header of libequipoise_torch into {@code torch.adapter}. */
@Properties(
    inherit = EquipoisePresets.class,
    value =
        @Platform(
            include = {"equipoise/torch.h"},
            link = "equipoise_torch",
            library = "jniEquipoiseTorch"),
    target = "org.equipoise.torch.adapter",
    global = "org.equipoise.torch.adapter.TorchAdapter")
public class AdapterPresets implements InfoMapper {
  @Override
  public void map(InfoMap infoMap) {
    for (String name : new String[] {"eqp_torch_library_version", "eqp_torch_last_error"}) {
      infoMap.put(new Info(name).javaText("public static native String " + name + "();"));
    }
  }
}
