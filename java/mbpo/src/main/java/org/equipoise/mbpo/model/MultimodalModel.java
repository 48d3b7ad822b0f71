package org.equipoise.mbpo.model;

import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The one seam between the MBPO system and a model: text, images, differentiable answer states and
 * generation. Everything else (mining, training, evaluation) is written against this interface.
 *
 * <p>A model is bound to one device and holds native memory. It is not thread-safe: one thread at a
 * time may call it. Every returned tensor belongs to the caller's innermost {@code PointerScope}.
 */
public interface MultimodalModel extends AutoCloseable {

  /** Human-readable identity, for example {@code "small-multimodal-176k"}. */
  String name();

  /** Text to token ids and back, with the model's prompt template. */
  TextTokenizer tokenizer();

  /** From a decoded photograph to the 8-bit image this model sees. */
  ImageProcessor imageProcessor();

  /**
   * Every trainable tensor by its full name, in a fixed order. The tensors are leaves with {@code
   * requires_grad}; trainers update them in place.
   */
  Map<String, Tensor> parameters();

  /**
   * Every tensor that decides what the model says, trainable or frozen, by its full name in a fixed
   * order. What was computed with a model is kept under a fingerprint of these.
   */
  default Map<String, Tensor> weights() {
    return parameters();
  }

  /**
   * Teacher-forced pass. Gradients flow to {@link #parameters()} and, where an image tensor
   * requires grad, to its pixels.
   *
   * @param images one image per image place in the prompts (one per sequence where the model takes
   *     but one), in their order, RGB in [0, 1] at the processor's size; {@code null} when the
   *     prompts are text only ({@link TextTokenizer#encodeTextPrompt})
   * @param sequences prompt and answer token ids; prompts and answers may differ in length
   * @return the states that predict each answer token, packed: all answer tokens of sequence 0,
   *     then of sequence 1, and so on; nothing is computed for prompt positions beyond what the
   *     answer needs
   */
  AnswerStates forward(@Nullable ImageBatch images, List<TokenSequence> sequences);

  /**
   * Continues prompts until an end token or the limit. Runs without gradient and with a KV cache.
   * Sampling is a pure function of (weights, inputs, options): the random numbers are keyed by
   * {@link GenerationOptions#seed()} and the sequence's {@code streams} entry, never by batch
   * composition.
   *
   * @param images one image per image place in the prompts; {@code null} for text-only prompts
   * @param prompts prompt token ids
   * @param streams one random stream id per prompt; ignored when greedy
   */
  List<GeneratedAnswer> generate(
      @Nullable ImageBatch images, List<int[]> prompts, long[] streams, GenerationOptions options);

  /** A second, independent copy with the same weights (parallel baselines). */
  MultimodalModel copy();

  /**
   * The model as it is now, whose answers do not change while this one is trained. It may share the
   * memory of frozen weights, so it must be closed before this model.
   */
  default MultimodalModel reference() {
    return copy();
  }

  @Override
  void close();
}
