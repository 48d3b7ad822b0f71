package org.equipoise.mbpo.qwen;

import java.util.Map;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.lora.LoraAdapters;

/** The layers that both halves of the model are made of, over tensors by name. */
final class QwenWeights {
  private final Map<String, Tensor> tensors;
  private final LoraAdapters adapters;

  /**
   * @param adapters or {@code null}
   */
  QwenWeights(Map<String, Tensor> tensors, LoraAdapters adapters) {
    this.tensors = tensors;
    this.adapters = adapters;
  }

  Tensor get(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("the checkpoint lacks tensor " + name);
    }
    return tensor;
  }

  /** {@code x Wᵀ + b}, b where there is one, and the layer's adapter. */
  Tensor linear(String path, Tensor x) {
    Tensor weight = get(path + ".weight");
    Tensor bias = tensors.get(path + ".bias");
    Tensor y =
        bias == null ? torch.linear(x, weight) : torch.linear(x, weight, new TensorOptional(bias));
    return adapters == null ? y : adapters.add(path, x, y);
  }

  Tensor rmsNorm(String path, Tensor x, double epsilon) {
    return torch.rms_norm(
        x,
        new long[] {x.size(-1)},
        new TensorOptional(get(path + ".weight")),
        new DoubleOptional(epsilon));
  }

  Tensor layerNorm(String path, Tensor x, double epsilon) {
    return torch.layer_norm(
        x,
        new long[] {x.size(-1)},
        new TensorOptional(get(path + ".weight")),
        new TensorOptional(get(path + ".bias")),
        epsilon,
        false);
  }
}
