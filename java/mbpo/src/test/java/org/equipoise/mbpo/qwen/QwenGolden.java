package org.equipoise.mbpo.qwen;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.ImageProcessor;
import org.equipoise.mbpo.model.TextTokenizer;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.equipoise.mbpo.tensor.HostTensors;

/** One of the files that qwen_golden.py wrote; its tensors belong to the innermost scope. */
final class QwenGolden {
  static final List<String> NAMES =
      List.of("qwen2-gqa-tied", "qwen2-mha-untied", "qwen25-gqa-untied", "qwen25-mqa-tied");
  static final int STOP = 153;
  private static final int ROWS = 4;

  private final Map<String, Tensor> tensors;
  private final QwenConfig config;

  QwenGolden(String name, Path folder) {
    SafetensorsFile.Contents contents = SafetensorsFile.read(file(name));
    tensors = contents.tensors();
    Path json = folder.resolve("config.json");
    try {
      Files.writeString(json, contents.metadata().get("config"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    config = QwenConfig.read(json);
  }

  private static Path file(String name) {
    try {
      return Path.of(QwenGolden.class.getResource(name + ".safetensors").toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  QwenConfig config() {
    return config;
  }

  Tensor get(String name) {
    Tensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("no golden value " + name);
    }
    return tensor;
  }

  /** The model's weights in float32, each its own. */
  Map<String, Tensor> weights() {
    Map<String, Tensor> weights = new LinkedHashMap<>();
    try (NoGradGuard noGrad = new NoGradGuard()) {
      tensors.forEach(
          (name, tensor) -> {
            if (name.startsWith("weight.")) {
              weights.put(
                  name.substring("weight.".length()),
                  tensor.to(ScalarType.Float).clone().retainReference());
            }
          });
    }
    return weights;
  }

  QwenModel model() {
    return QwenModel.full(config, weights(), TOKENIZER, PROCESSOR, Set.of(STOP));
  }

  /** Frozen, of the weights rounded to bfloat16. */
  QwenModel rounded(ScalarType type) {
    Map<String, Tensor> rounded = new LinkedHashMap<>();
    weights()
        .forEach(
            (name, weight) ->
                rounded.put(name, weight.to(ScalarType.BFloat16).to(type).retainReference()));
    return QwenModel.frozen(config, rounded, TOKENIZER, PROCESSOR, Set.of(STOP));
  }

  QwenModel withAdapters(LoraOptions options) {
    return QwenModel.withAdapters(config, weights(), options, TOKENIZER, PROCESSOR, Set.of(STOP));
  }

  int rows() {
    return ROWS;
  }

  int[] ids(String name) {
    float[] values = HostTensors.toFloats(get(name));
    int[] ids = new int[values.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = (int) values[i];
    }
    return ids;
  }

  List<TokenSequence> sequences() {
    List<TokenSequence> sequences = new ArrayList<>();
    for (int row = 0; row < ROWS; row++) {
      sequences.add(new TokenSequence(ids("prompt." + row), ids("answer." + row)));
    }
    return sequences;
  }

  /** The two images in [0, 1], trainable. */
  List<Tensor> images() {
    List<Tensor> images = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      images.add(
          get("image." + i)
              .to(ScalarType.Float)
              .div(new Scalar(255.0))
              .detach()
              .set_requires_grad(true));
    }
    return images;
  }

  /** All rows' images in the order of their placeholders. */
  ImageBatch batch(List<Tensor> images) {
    List<Tensor> placed = new ArrayList<>();
    for (int row = 0; row < ROWS; row++) {
      placed.addAll(imagesOf(row, images));
    }
    return ImageBatch.of(placed);
  }

  List<Tensor> imagesOf(int row, List<Tensor> images) {
    List<Tensor> own = new ArrayList<>();
    for (int image : ids("images." + row)) {
      own.add(images.get(image));
    }
    return own;
  }

  static void clearGradients(QwenModel model) {
    for (Tensor parameter : model.parameters().values()) {
      if (parameter.grad().defined()) {
        parameter.mutable_grad().zero_();
      }
    }
  }

  static Map<String, float[]> gradients(QwenModel model) {
    Map<String, float[]> gradients = new LinkedHashMap<>();
    model
        .parameters()
        .forEach((name, tensor) -> gradients.put(name, HostTensors.toFloats(tensor.grad())));
    return gradients;
  }

  /**
   * @param tolerance as a share of the largest expected value, which must not be 0; each test says
   *     where its own comes from
   */
  static void assertClose(float[] expected, float[] found, float tolerance, String name) {
    float largest = 0;
    for (float value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    assertTrue(largest > 0, name);
    assertArrayEquals(expected, found, tolerance * largest, name);
  }

  private static final TextTokenizer TOKENIZER =
      new TextTokenizer() {
        @Override
        public int[] encodePrompt(String question) {
          throw new UnsupportedOperationException("golden values come as ids");
        }

        @Override
        public int[] encodeAnswer(String answer) {
          throw new UnsupportedOperationException("golden values come as ids");
        }

        @Override
        public String decodeAnswer(int[] ids) {
          return java.util.Arrays.toString(ids);
        }

        @Override
        public int endToken() {
          return STOP;
        }

        @Override
        public int vocabularySize() {
          return 160;
        }
      };

  private static final ImageProcessor PROCESSOR =
      new ImageProcessor() {
        @Override
        public RgbImage resize(RgbImage image) {
          return image;
        }

        @Override
        public float[] mean() {
          return new float[] {0.48145466f, 0.4578275f, 0.40821073f};
        }

        @Override
        public float[] standardDeviation() {
          return new float[] {0.26862954f, 0.26130258f, 0.27577711f};
        }
      };
}
