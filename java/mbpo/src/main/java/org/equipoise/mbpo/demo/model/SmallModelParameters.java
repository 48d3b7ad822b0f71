package org.equipoise.mbpo.demo.model;

import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.random.KeyedRandom;
import org.equipoise.mbpo.tensor.HostTensors;

/**
 * Names, shapes and deterministic initial values of the model's parameters. Linear weights are
 * uniform in ±1/√fan-in, biases zero, norms one, embeddings normal with σ {@value
 * #EMBEDDING_SIGMA}.
 */
final class SmallModelParameters implements AutoCloseable {
  static final int WIDTH = 64;
  static final int HIDDEN = 4 * WIDTH;
  static final int PATCH = 8;
  static final int GRID = 4;
  static final int PATCHES = GRID * GRID;
  static final int MAX_TEXT = 24;
  static final int DECODER_LAYERS = 2;
  private static final double EMBEDDING_SIGMA = 0.1;

  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  /** Fresh initial values, a pure function of the seed. */
  SmallModelParameters(int vocabulary, long seed) {
    KeyedRandom random = KeyedRandom.of(seed, "initial-weights");
    linear(random, "vision.patch", WIDTH, 3 * PATCH * PATCH);
    normal(random, "vision.position", PATCHES, WIDTH);
    block(random, "vision.block");
    norm("vision.norm");
    linear(random, "projector.up", WIDTH, WIDTH);
    linear(random, "projector.down", WIDTH, WIDTH);
    normal(random, "text.embedding", vocabulary, WIDTH);
    normal(random, "text.position", MAX_TEXT, WIDTH);
    normal(random, "decoder.image-position", PATCHES, WIDTH);
    for (int layer = 0; layer < DECODER_LAYERS; layer++) {
      block(random, "decoder.block" + layer);
    }
    norm("decoder.norm");
  }

  /** Independent copies of other parameters. */
  SmallModelParameters(SmallModelParameters other) {
    other.tensors.forEach((name, tensor) -> add(name, tensor.detach().clone()));
  }

  Tensor get(String name) {
    return tensors.get(name);
  }

  Map<String, Tensor> all() {
    return Collections.unmodifiableMap(tensors);
  }

  private void block(KeyedRandom random, String name) {
    norm(name + ".norm1");
    linear(random, name + ".qkv", 3 * WIDTH, WIDTH);
    linear(random, name + ".out", WIDTH, WIDTH);
    norm(name + ".norm2");
    linear(random, name + ".up", HIDDEN, WIDTH);
    linear(random, name + ".down", WIDTH, HIDDEN);
  }

  private void linear(KeyedRandom random, String name, int outputs, int inputs) {
    KeyedRandom own = random.stage(name);
    float[] values = new float[outputs * inputs];
    double bound = 1 / Math.sqrt(inputs);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (bound * (2 * own.uniform(0, i, 0) - 1));
    }
    add(name + ".weight", HostTensors.floats(values, outputs, inputs));
    add(name + ".bias", HostTensors.floats(new float[outputs], outputs));
  }

  private void normal(KeyedRandom random, String name, int rows, int columns) {
    KeyedRandom own = random.stage(name);
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (EMBEDDING_SIGMA * own.gaussian(0, i, 0));
    }
    add(name, HostTensors.floats(values, rows, columns));
  }

  private void norm(String name) {
    float[] ones = new float[WIDTH];
    Arrays.fill(ones, 1);
    add(name + ".weight", HostTensors.floats(ones, WIDTH));
    add(name + ".bias", HostTensors.floats(new float[WIDTH], WIDTH));
  }

  /** Keeps the tensor beyond the caller's pointer scope. */
  private void add(String name, Tensor tensor) {
    tensor.set_requires_grad(true);
    tensor.retainReference();
    tensors.put(name, tensor);
  }

  @Override
  public void close() {
    tensors.values().forEach(Tensor::releaseReference);
    tensors.clear();
  }
}
