package org.equipoise.mbpo.qwen;

import java.util.Map;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.lora.LoraAdapters;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.torch.WidenedProducts;
import org.jspecify.annotations.Nullable;

/** The layers that both halves of the model are made of, over tensors by name. */
final class QwenWeights {
  private static final long FEW_ROWS = 16;

  /** Up to here LibTorch's 16-bit products wait for the weight's memory, whatever the processor. */
  private static final long FEW_NARROW_ROWS = 8;

  private final Map<String, Tensor> tensors;
  private final @Nullable LoraAdapters adapters;

  /**
   * @param adapters or {@code null}
   */
  QwenWeights(Map<String, Tensor> tensors, @Nullable LoraAdapters adapters) {
    this.tensors = tensors;
    this.adapters = adapters;
  }

  Tensor get(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("the checkpoint lacks tensor " + Excerpt.of(name));
    }
    return tensor;
  }

  /** {@code x Wᵀ + b}, b where there is one, and the layer's adapter. */
  Tensor linear(String path, Tensor x) {
    Tensor weight = get(path + ".weight");
    Tensor bias = tensors.get(path + ".bias");
    Tensor y = product(x, weight, bias);
    return adapters == null ? y : adapters.add(path, x, y);
  }

  /**
   * {@code x Wᵀ + b}. While decoding, x has few rows, for which OpenBLAS's products with the weight
   * on the left are up to five times faster than LibTorch's order: it then reads the weight as it
   * lies instead of packing it (one thread, W 8960 x 1536 float32: 1.8 instead of 9.4 ms for one
   * row, 4.2 instead of 6.0 ms for eight). A 16-bit weight is widened where {@link WidenedProducts}
   * pay: as a whole where a gradient is wanted, as autograd has to keep it then.
   */
  static Tensor product(Tensor x, Tensor weight, @Nullable Tensor bias) {
    long rows = x.numel() / x.size(-1);
    boolean gradient = GradMode.is_enabled() && (x.requires_grad() || weight.requires_grad());
    ScalarType type = weight.scalar_type().intern();
    boolean few = rows <= FEW_ROWS && rows > 0 && !gradient && type == ScalarType.Float;
    boolean widen = (rows > FEW_NARROW_ROWS || gradient) && WidenedProducts.pay(weight);
    if (widen && gradient) {
      Tensor wideBias = bias == null ? null : bias.to(ScalarType.Float);
      return linear(x.to(ScalarType.Float), weight.to(ScalarType.Float), wideBias).to(type);
    }
    if (!few && !widen) {
      return linear(x, weight, bias);
    }
    long[] shape = new long[(int) x.dim()];
    for (int d = 0; d < shape.length - 1; d++) {
      shape[d] = x.size(d);
    }
    shape[shape.length - 1] = weight.size(0);
    Tensor flat = x.reshape(rows, x.size(-1));
    Tensor y;
    if (widen) {
      y = WidenedProducts.byTransposed(flat, weight);
    } else {
      y = rows == 1 ? weight.mv(flat.view(-1)) : weight.mm(flat.t()).t();
    }
    Tensor shaped = y.reshape(shape);
    return bias == null ? shaped : shaped.add(bias);
  }

  /** Of states [tokens, width]; contiguous, as the losses take them. */
  static Tensor logits(Tensor states, Tensor headWeight) {
    return product(states, headWeight, null).contiguous();
  }

  private static Tensor linear(Tensor x, Tensor weight, @Nullable Tensor bias) {
    return bias == null
        ? torch.linear(x, weight)
        : torch.linear(x, weight, new TensorOptional(bias));
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
