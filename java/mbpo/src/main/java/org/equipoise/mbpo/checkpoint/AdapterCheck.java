package org.equipoise.mbpo.checkpoint;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.checkpoint.AdapterKey.Kind;
import org.equipoise.mbpo.storage.Excerpt;

/** Whether an adapter's tensors fit its configuration and a checkpoint. */
final class AdapterCheck {
  private final PeftAdapter adapter;
  private final Map<String, long[]> shapes;

  AdapterCheck(PeftAdapter adapter, Map<String, long[]> shapes) {
    this.adapter = adapter;
    this.shapes = shapes;
  }

  List<String> run() {
    Map<String, Map<Kind, String>> layers = new LinkedHashMap<>();
    adapter
        .keys()
        .forEach(
            (name, key) -> {
              switch (key.kind()) {
                case WHOLE -> whole(name, key);
                case TOKENS -> tokens(name, key);
                default ->
                    layers
                        .computeIfAbsent(key.path(), path -> new LinkedHashMap<>())
                        .put(key.kind(), name);
              }
            });
    layers.forEach(this::layer);
    modulesToSave();
    trainedTokens();
    if (adapter.keys().isEmpty()) {
      throw new IllegalArgumentException(
          adapter.file() + ": expected an adapter's tensors, found none");
    }
    return missing(layers);
  }

  private void whole(String name, AdapterKey key) {
    long[] base = base(name, key.path());
    long[] own = adapter.shape(name);
    boolean ofTokens = key.path().equals(QwenNames.HEAD) || key.path().equals(QwenNames.EMBEDDING);
    if (ofTokens && own.length == 2 && own[0] != base[0]) {
      throw new IllegalArgumentException(
          adapter.file()
              + ": tensor "
              + Excerpt.of(name)
              + " is for "
              + own[0]
              + " tokens, the checkpoint has "
              + base[0]
              + ": the adapter was trained after the vocabulary was changed. Change it in"
              + " transformers with resize_token_embeddings("
              + own[0]
              + "), merge with merge_and_unload(), and name the result as model.folder");
    }
    require(name, base, own);
  }

  /** A tied head is no tensor of its own, but an adapter may bring one. */
  private long[] base(String name, String weight) {
    long[] shape =
        shapes.getOrDefault(
            weight, weight.equals(QwenNames.HEAD) ? shapes.get(QwenNames.EMBEDDING) : null);
    if (shape == null) {
      throw new IllegalArgumentException(
          adapter.file()
              + ": tensor "
              + Excerpt.of(name)
              + " belongs to "
              + Excerpt.of(weight)
              + ", which this checkpoint does not have; the adapter was made for another one");
    }
    return shape;
  }

  private void tokens(String name, AdapterKey key) {
    long[] embedding = base(name, key.path() + ".weight");
    List<Integer> ids = adapter.config().tokens(key.path());
    require(name, new long[] {ids.size(), embedding[1]}, adapter.shape(name));
    for (int id : ids) {
      if (id >= embedding[0]) {
        throw new IllegalArgumentException(
            adapter.config().file()
                + ": trainable_token_indices: expected ids below "
                + embedding[0]
                + ", the number of tokens of this checkpoint, found "
                + id);
      }
    }
  }

  private void layer(String path, Map<Kind, String> parts) {
    boolean embedding = parts.containsKey(Kind.EMBEDDING_A) || parts.containsKey(Kind.EMBEDDING_B);
    String a = parts.get(embedding ? Kind.EMBEDDING_A : Kind.A);
    String b = parts.get(embedding ? Kind.EMBEDDING_B : Kind.B);
    if (a == null || b == null || parts.size() != 2) {
      throw new IllegalArgumentException(
          adapter.file()
              + ": expected lora_A and lora_B of layer "
              + Excerpt.of(path)
              + ", found "
              + Excerpt.of(parts.values().toString()));
    }
    AdapterKey key = adapter.keys().get(a);
    long[] base = base(a, path + ".weight");
    if (!adapter.config().means(key)) {
      throw new IllegalArgumentException(
          adapter.config().file()
              + ": target_modules and what narrows it do not mean "
              + Excerpt.of(path)
              + ", of which "
              + PeftAdapter.WEIGHTS
              + " holds an adapter; PEFT would leave it out. Correct the fields, or remove the"
              + " tensors");
    }
    long rank = adapter.config().rank(key);
    long[] expectedA = base.clone();
    long[] expectedB = base.clone();
    if (embedding) {
      expectedA = new long[] {rank, base[0]};
      expectedB = new long[] {base[1], rank};
    } else {
      expectedA[0] = rank;
      Arrays.fill(expectedB, 1, expectedB.length, 1);
      expectedB[1] = rank;
    }
    require(a, expectedA, adapter.shape(a));
    require(b, expectedB, adapter.shape(b));
  }

  private void require(String name, long[] expected, long[] found) {
    if (!Arrays.equals(expected, found)) {
      throw new IllegalArgumentException(
          adapter.file()
              + ": tensor "
              + Excerpt.of(name)
              + " has shape "
              + Arrays.toString(found)
              + ", expected "
              + Arrays.toString(expected)
              + " by "
              + PeftAdapter.CONFIG
              + " and the checkpoint");
    }
  }

  private void modulesToSave() {
    for (String module : adapter.config().modulesToSave()) {
      boolean there =
          adapter.keys().values().stream()
              .anyMatch(
                  key ->
                      key.kind() == Kind.WHOLE && ("." + key.path()).contains("." + module + "."));
      if (!there) {
        throw new IllegalArgumentException(
            adapter.config().file()
                + ": modules_to_save: found "
                + Excerpt.of(module)
                + ", of which "
                + PeftAdapter.WEIGHTS
                + " holds no tensor; it was not saved with the adapter");
      }
    }
  }

  private void trainedTokens() {
    boolean there = adapter.keys().values().stream().anyMatch(key -> key.kind() == Kind.TOKENS);
    if (adapter.config().trainsTokens() && !there) {
      throw new IllegalArgumentException(
          adapter.config().file()
              + ": trainable_token_indices: found ids, of which "
              + PeftAdapter.WEIGHTS
              + " holds no rows; they were not saved with the adapter");
    }
  }

  /** Layers that the configuration means and the file has nothing for: PEFT leaves them alone. */
  private List<String> missing(Map<String, Map<Kind, String>> layers) {
    List<String> missing = new ArrayList<>();
    for (Map.Entry<String, long[]> weight : shapes.entrySet()) {
      if (weight.getKey().endsWith(".weight") && weight.getValue().length == 2) {
        String path = weight.getKey().substring(0, weight.getKey().length() - ".weight".length());
        boolean embedding = weight.getKey().equals(QwenNames.EMBEDDING);
        if (!embedding && !layers.containsKey(path) && adapter.config().means(path)) {
          missing.add(path);
        }
      }
    }
    return missing.isEmpty()
        ? List.of()
        : List.of(
            adapter.file()
                + ": holds nothing for "
                + missing.size()
                + " layers that target_modules means, such as "
                + missing.get(0)
                + "; they stay as the checkpoint has them");
  }
}
