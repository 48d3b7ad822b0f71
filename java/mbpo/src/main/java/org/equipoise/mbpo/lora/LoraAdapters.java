package org.equipoise.mbpo.lora;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.tensor.HostTensors;
import org.equipoise.mbpo.tensor.Sizes;

/**
 * Low-rank adapters on linear layers (arXiv 2106.09685):
 *
 * <pre>
 * y = x Wᵀ + b + scale (x Aᵀ) Bᵀ      A [rank, in], B [out, rank], both float32
 * </pre>
 *
 * where {@code scale} is alpha / rank, or what a file says for the layer. A starts uniform in
 * ±1/√in, B at zero, so that a fresh adapter changes nothing. The product is computed in float32
 * whatever the base's type, and rounded to it once. As thread-safe as the model they belong to.
 */
public final class LoraAdapters implements AutoCloseable {
  private static final String WEIGHT = ".weight";
  private static final String A = ".lora_A.weight";
  private static final String B = ".lora_B.weight";

  private final Map<String, Double> scales;
  private final Map<String, Tensor> parameters;

  private LoraAdapters(Map<String, Double> scales, Map<String, Tensor> parameters) {
    this.scales = scales;
    this.parameters = parameters;
  }

  /**
   * One layer's adapter as it was trained.
   *
   * @param a [rank, in]
   * @param b [out, rank]
   * @param scale what their product is multiplied by
   */
  public record Layer(Tensor a, Tensor b, double scale) {}

  /**
   * Adapters with given values, which are copied into float32; trainable.
   *
   * @param layers by path
   */
  public static LoraAdapters of(Map<String, Layer> layers) {
    Map<String, Double> scales = new LinkedHashMap<>();
    Map<String, Tensor> parameters = new LinkedHashMap<>();
    try (PointerScope scope = new PointerScope()) {
      layers.forEach(
          (path, layer) -> {
            scales.put(path, layer.scale());
            parameters.put(path + A, leaf(layer.a(), layer.a()));
            parameters.put(path + B, leaf(layer.b(), layer.b()));
          });
    }
    return new LoraAdapters(scales, parameters);
  }

  /**
   * Fresh adapters for every matching layer.
   *
   * @param weights the base's tensors by name; layers are matrices called {@code path.weight}
   * @throws IllegalArgumentException if no layer matches
   */
  public static LoraAdapters create(LoraOptions options, Map<String, Tensor> weights) {
    Map<String, Double> scales = new LinkedHashMap<>();
    Map<String, Tensor> parameters = new LinkedHashMap<>();
    KeyedRandom random = KeyedRandom.of(options.seed(), "lora");
    try (PointerScope scope = new PointerScope()) {
      for (String path : paths(options, weights)) {
        Tensor weight = weights.get(path + WEIGHT);
        int in = Math.toIntExact(weight.size(1));
        int out = Math.toIntExact(weight.size(0));
        float[] a = new float[Sizes.array("lora_A of " + path, options.rank(), in)];
        int numbersOfB = Sizes.array("lora_B of " + path, out, options.rank());
        double bound = 1 / Math.sqrt(in);
        for (int i = 0; i < a.length; i++) {
          a[i] = (float) (bound * (2 * random.uniform(0, KeyedRandom.id(path), i) - 1));
        }
        scales.put(path, options.scale());
        parameters.put(path + A, leaf(HostTensors.floats(a, options.rank(), in), weight));
        parameters.put(
            path + B, leaf(HostTensors.floats(new float[numbersOfB], out, options.rank()), weight));
      }
    }
    return new LoraAdapters(scales, parameters);
  }

  private static Tensor leaf(Tensor values, Tensor deviceOf) {
    return HostTensors.onDeviceOf(deviceOf, values)
        .to(ScalarType.Float)
        .detach()
        .clone()
        .set_requires_grad(true)
        .retainReference();
  }

  /** Paths of the layers that the options mean, in the order of the weights. */
  public static List<String> paths(LoraOptions options, Map<String, Tensor> weights) {
    return paths(
        options,
        weights.entrySet().stream()
            .filter(entry -> entry.getValue().dim() == 2)
            .map(Map.Entry::getKey)
            .toList());
  }

  /**
   * Paths of the layers that the options mean.
   *
   * @param matrices names of the weights that are matrices
   * @throws IllegalArgumentException if there is none
   */
  public static List<String> paths(LoraOptions options, Collection<String> matrices) {
    BoundedPattern targets = options.pattern();
    List<String> paths =
        matrices.stream()
            .filter(name -> name.endsWith(WEIGHT))
            .map(name -> name.substring(0, name.length() - WEIGHT.length()))
            .filter(path -> targets.matches(path))
            .toList();
    if (paths.isEmpty()) {
      throw new IllegalArgumentException(
          "no linear layer's path matches the adapter's targets "
              + Excerpt.of(options.targets().toString())
              + "; paths look like "
              + matrices.stream()
                  .filter(name -> name.endsWith("_proj.weight"))
                  .findFirst()
                  .orElse("model.language_model.layers.0.self_attn.q_proj.weight"));
    }
    return paths;
  }

  /** {@code path.lora_A.weight} and {@code path.lora_B.weight} of every layer; trainable. */
  public Map<String, Tensor> parameters() {
    return parameters;
  }

  /**
   * The layer's output with its adapter's part.
   *
   * @param path of the layer
   * @param x its input [..., in]
   * @param y its output [..., out] without the adapter
   * @return of the type of y; y itself where the layer has no adapter
   */
  public Tensor add(String path, Tensor x, Tensor y) {
    Tensor a = parameters.get(path + A);
    if (a == null) {
      return y;
    }
    Tensor b = parameters.get(path + B);
    Tensor part = x.to(ScalarType.Float).matmul(a.t()).matmul(b.t()).mul(scale(path));
    return y.add(part.to(y.scalar_type()));
  }

  /** {@code W + scale B A}, in W's type; W itself where the layer has no adapter. */
  public Tensor merged(String path, Tensor weight) {
    Tensor a = parameters.get(path + A);
    if (a == null) {
      return weight;
    }
    try (NoGradGuard noGrad = new NoGradGuard()) {
      Tensor product = parameters.get(path + B).matmul(a).mul(scale(path));
      return weight.to(ScalarType.Float).add(product).to(weight.scalar_type());
    }
  }

  private Scalar scale(String path) {
    return new Scalar(scales.get(path));
  }

  /** An independent copy with the same values, not trainable. */
  public LoraAdapters frozenCopy() {
    Map<String, Tensor> copies = new LinkedHashMap<>();
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      parameters.forEach(
          (name, tensor) -> copies.put(name, tensor.detach().clone().retainReference()));
    }
    return new LoraAdapters(scales, copies);
  }

  @Override
  public void close() {
    parameters.values().forEach(Tensor::close);
  }
}
