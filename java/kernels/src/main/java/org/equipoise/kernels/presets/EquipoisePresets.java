package org.equipoise.kernels.presets;

import org.bytedeco.javacpp.annotation.Platform;
import org.bytedeco.javacpp.annotation.Properties;
import org.bytedeco.javacpp.tools.Info;
import org.bytedeco.javacpp.tools.InfoMap;
import org.bytedeco.javacpp.tools.InfoMapper;

/** Tells JavaCPP how to turn the headers of libequipoise into {@code org.equipoise.kernels.abi}. */
@Properties(
    value =
        @Platform(
            include = {
              "equipoise/types.h",
              "equipoise/runtime.h",
              "equipoise/token_log_probs.h",
              "equipoise/pair_loss.h",
              "equipoise/policy_loss.h",
              "equipoise/group_advantage.h",
              "equipoise/perturbation.h",
              "equipoise/gaussian_noise.h",
              "equipoise/input_diversity.h",
              "equipoise/translation_invariance.h",
              "equipoise/unpaired_loss.h"
            },
            link = "equipoise",
            library = "jniEquipoise"),
    target = "org.equipoise.kernels.abi",
    global = "org.equipoise.kernels.abi.EquipoiseAbi")
public class EquipoisePresets implements InfoMapper {
  @Override
  public void map(InfoMap infoMap) {
    infoMap.put(new Info("EQP_API").cppTypes().annotations());
    // Host executors are installed from C; a Java callback per task would cost more than the task.
    infoMap.put(new Info("eqp_task", "eqp_executor", "eqp_set_executor").skip());
    // A String is made inside the native call, so that status and text are read back to back.
    for (String name :
        new String[] {
          "eqp_library_version",
          "eqp_last_error",
          "eqp_cpu_variant",
          "eqp_cpu_variants",
          "eqp_cuda_status"
        }) {
      infoMap.put(new Info(name).javaText("public static native String " + name + "();"));
    }
  }
}
