package org.equipoise.torch;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Tensors out of golden JSON files; null stands for NaN. */
final class Golden {
  private Golden() {}

  private static void flatten(JsonNode node, List<Double> values) {
    if (node.isArray()) {
      node.forEach(child -> flatten(child, values));
    } else {
      values.add(node.isNull() ? Double.NaN : node.asDouble());
    }
  }

  static double[] doubles(JsonNode node) {
    List<Double> values = new ArrayList<>();
    flatten(node, values);
    return values.stream().mapToDouble(Double::doubleValue).toArray();
  }

  static Tensor tensor(JsonNode node) {
    long[] shape =
        node.get(0).isArray()
            ? new long[] {node.size(), node.get(0).size()}
            : new long[] {node.size()};
    return TestTensors.of(ScalarType.Double, doubles(node), shape);
  }

  static Tensor mask(JsonNode node) {
    return tensor(node).to(ScalarType.Bool);
  }
}
