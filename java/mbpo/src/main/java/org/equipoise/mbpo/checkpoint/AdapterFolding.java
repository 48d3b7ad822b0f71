package org.equipoise.mbpo.checkpoint;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.checkpoint.AdapterKey.Kind;
import org.equipoise.mbpo.lora.LoraAdapters;
import org.equipoise.mbpo.tensor.HostTensors;

/**
 * Puts an adapter on weights: first the tensors that replace the base's, then rows of the
 * embedding, then adapters of layers that are not linear or whose weight the losses read
 * themselves; adapters of linear layers stay apart.
 */
final class AdapterFolding {
  private static final Set<String> FOLDED =
      Set.of(QwenNames.EMBEDDING, QwenNames.HEAD, QwenNames.PATCHES);

  private final PeftAdapter adapter;
  private final Map<String, Tensor> tensors;

  /**
   * @param tensors the file's, by its names
   */
  AdapterFolding(PeftAdapter adapter, Map<String, Tensor> tensors) {
    this.adapter = adapter;
    this.tensors = tensors;
  }

  static boolean isFolded(String path) {
    return FOLDED.contains(path + ".weight");
  }

  /**
   * @param weights by name; what is replaced is replaced in the map
   * @return the adapters of linear layers, in the order of the weights
   */
  LoraAdapters apply(Map<String, Tensor> weights) {
    try (NoGradGuard noGrad = new NoGradGuard()) {
      separateHead(weights);
      each(
          Kind.WHOLE,
          (key, tensor) -> replace(weights, key.path(), tensor.to(typeOf(weights, key.path()))));
      each(Kind.TOKENS, (key, rows) -> rows(weights, key.path(), rows));
      Map<String, Tensor> first = new LinkedHashMap<>();
      each(Kind.A, (key, a) -> first.put(key.path(), a));
      each(Kind.EMBEDDING_A, (key, a) -> first.put(key.path(), a));
      Map<String, LoraAdapters.Layer> layers = new LinkedHashMap<>();
      each(Kind.EMBEDDING_B, (key, b) -> add(weights, key, b.matmul(first.get(key.path())).t()));
      each(
          Kind.B,
          (key, b) -> {
            Tensor a = first.get(key.path());
            if (isFolded(key.path())) {
              add(weights, key, b.flatten(1, -1).matmul(a.flatten(1, -1)));
            } else {
              layers.put(key.path(), new LoraAdapters.Layer(a, b, adapter.config().scale(key)));
            }
          });
      return LoraAdapters.of(inOrder(layers, weights));
    }
  }

  private interface Part {
    void take(AdapterKey key, Tensor tensor);
  }

  private void each(Kind kind, Part part) {
    adapter
        .keys()
        .forEach(
            (name, key) -> {
              if (key.kind() == kind) {
                part.take(key, tensors.get(name).to(ScalarType.Float));
              }
            });
  }

  /**
   * A tied head stays what it was when the embedding alone is replaced or adapted, as in PEFT; it
   * follows rows of single tokens.
   */
  private void separateHead(Map<String, Tensor> weights) {
    boolean separate =
        adapter.keys().values().stream()
            .anyMatch(
                key ->
                    key.path().equals(QwenNames.HEAD)
                        || key.path().equals(QwenNames.EMBEDDING)
                        || (key.path() + ".weight").equals(QwenNames.HEAD)
                        || (key.path() + ".weight").equals(QwenNames.EMBEDDING)
                            && key.kind() != Kind.TOKENS);
    if (separate && !weights.containsKey(QwenNames.HEAD)) {
      weights.put(QwenNames.HEAD, weights.get(QwenNames.EMBEDDING).clone().retainReference());
    }
  }

  private static ScalarType typeOf(Map<String, Tensor> weights, String name) {
    return weights.get(name).scalar_type();
  }

  private static void replace(Map<String, Tensor> weights, String name, Tensor value) {
    Tensor old = weights.put(name, value.contiguous().retainReference());
    old.close();
  }

  private void rows(Map<String, Tensor> weights, String path, Tensor rows) {
    List<Integer> ids = adapter.config().tokens(path);
    long[] places = ids.stream().mapToLong(Integer::longValue).toArray();
    String name = path + ".weight";
    Tensor index = HostTensors.longs(places, places.length);
    replace(weights, name, weights.get(name).index_copy(0, index, rows.to(typeOf(weights, name))));
  }

  /** Adds scale times a product to a layer's weight. */
  private void add(Map<String, Tensor> weights, AdapterKey key, Tensor product) {
    String name = key.path() + ".weight";
    Tensor base = weights.get(name);
    Tensor delta = product.mul(new Scalar(adapter.config().scale(key))).reshape(base.sizes());
    replace(weights, name, base.to(ScalarType.Float).add(delta).to(base.scalar_type()));
  }

  private static Map<String, LoraAdapters.Layer> inOrder(
      Map<String, LoraAdapters.Layer> layers, Map<String, Tensor> weights) {
    Map<String, LoraAdapters.Layer> ordered = new LinkedHashMap<>();
    for (String name : weights.keySet()) {
      if (name.endsWith(".weight")) {
        String path = name.substring(0, name.length() - ".weight".length());
        if (layers.containsKey(path)) {
          ordered.put(path, layers.get(path));
        }
      }
    }
    return ordered;
  }
}
