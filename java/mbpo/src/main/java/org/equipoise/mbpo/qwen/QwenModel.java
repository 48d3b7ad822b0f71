package org.equipoise.mbpo.qwen;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.equipoise.mbpo.lora.LoraAdapters;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.model.AnswerStates;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.ImageProcessor;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.TextTokenizer;
import org.equipoise.mbpo.model.TokenSequence;
import org.jspecify.annotations.Nullable;

/**
 * Qwen2-VL and Qwen2.5-VL. Prompts hold one image placeholder per image; the model replaces it by
 * as many as the image has tokens. A batch's images are those of the placeholders in order, so that
 * a prompt may have several or none.
 */
public final class QwenModel implements MultimodalModel {
  private static final String EMBEDDING = "model.language_model.embed_tokens.weight";
  private static final String HEAD = "lm_head.weight";

  private final QwenConfig config;
  private final Map<String, Tensor> base;
  private final boolean ownsBase;
  private final @Nullable LoraAdapters adapters;
  private final boolean trainable;
  private final TextTokenizer tokenizer;
  private final ImageProcessor processor;
  private final Set<Integer> stopTokens;
  private final VisionTower tower;
  private final LanguageModel language;
  private boolean recompute;
  private Runnable beforeEachPass = () -> {};

  private QwenModel(
      QwenConfig config,
      Map<String, Tensor> base,
      boolean ownsBase,
      @Nullable LoraAdapters adapters,
      boolean trainable,
      TextTokenizer tokenizer,
      ImageProcessor processor,
      Set<Integer> stopTokens) {
    this.config = config;
    this.base = base;
    this.ownsBase = ownsBase;
    this.adapters = adapters;
    this.trainable = trainable;
    this.tokenizer = tokenizer;
    this.processor = processor;
    this.stopTokens = stopTokens;
    QwenWeights weights = new QwenWeights(base, adapters);
    this.tower = new VisionTower(config, weights, processor.mean(), processor.standardDeviation());
    this.language = new LanguageModel(config, weights);
  }

  /**
   * A model all of whose weights are trained.
   *
   * @param weights by their names in transformers 5 ({@code model.visual.*}, {@code
   *     model.language_model.*}, and {@code lm_head.weight} unless tied); leaves, which the model
   *     takes over
   * @param stopTokens ids that end an answer
   */
  public static QwenModel full(
      QwenConfig config,
      Map<String, Tensor> weights,
      TextTokenizer tokenizer,
      ImageProcessor processor,
      Set<Integer> stopTokens) {
    Map<String, Tensor> checked = QwenShapes.check(config, weights);
    checked.values().forEach(weight -> weight.set_requires_grad(true));
    return new QwenModel(config, checked, true, null, true, tokenizer, processor, stopTokens);
  }

  /** A model to ask: nothing of it is trained. */
  public static QwenModel frozen(
      QwenConfig config,
      Map<String, Tensor> weights,
      TextTokenizer tokenizer,
      ImageProcessor processor,
      Set<Integer> stopTokens) {
    Map<String, Tensor> checked = QwenShapes.check(config, weights);
    return new QwenModel(config, checked, true, null, false, tokenizer, processor, stopTokens);
  }

  /** A model whose weights stay and that has fresh adapters to train. */
  public static QwenModel withAdapters(
      QwenConfig config,
      Map<String, Tensor> weights,
      LoraOptions options,
      TextTokenizer tokenizer,
      ImageProcessor processor,
      Set<Integer> stopTokens) {
    Map<String, Tensor> checked = QwenShapes.check(config, weights);
    LoraAdapters adapters = LoraAdapters.create(options, checked);
    return new QwenModel(config, checked, true, adapters, false, tokenizer, processor, stopTokens);
  }

  /** A model whose weights stay and that has adapters which it takes over. */
  public static QwenModel withAdapters(
      QwenConfig config,
      Map<String, Tensor> weights,
      LoraAdapters adapters,
      TextTokenizer tokenizer,
      ImageProcessor processor,
      Set<Integer> stopTokens) {
    Map<String, Tensor> checked = QwenShapes.check(config, weights);
    return new QwenModel(config, checked, true, adapters, false, tokenizer, processor, stopTokens);
  }

  /**
   * Whether a pass with gradient keeps only what goes into each block and computes the rest anew on
   * the way back ({@link AnswerStates#backwardThrough}); off at first. Passes whose pixels want a
   * gradient keep everything.
   */
  public void recomputeActivations(boolean on) {
    recompute = on;
  }

  /**
   * What is asked before each pass through the weights, and of copies, too: whether files that the
   * weights are read from as they are needed are still what they were.
   *
   * @param check throws where the model must not be used any more
   */
  public QwenModel beforeEachPass(Runnable check) {
    beforeEachPass = check;
    return this;
  }

  void requireUnchanged() {
    beforeEachPass.run();
  }

  public QwenConfig config() {
    return config;
  }

  @Override
  public String name() {
    long count = base.values().stream().mapToLong(Tensor::numel).sum();
    return String.format(Locale.ROOT, "%s-%.2fM", config.generation().modelType(), count / 1e6);
  }

  @Override
  public TextTokenizer tokenizer() {
    return tokenizer;
  }

  @Override
  public ImageProcessor imageProcessor() {
    return processor;
  }

  @Override
  public Map<String, Tensor> parameters() {
    if (adapters != null) {
      return adapters.parameters();
    }
    return trainable ? base : Map.of();
  }

  @Override
  public Map<String, Tensor> weights() {
    requireUnchanged();
    Map<String, Tensor> all = new LinkedHashMap<>(base);
    if (adapters != null) {
      all.putAll(adapters.parameters());
    }
    return Collections.unmodifiableMap(all);
  }

  /** The adapters, or {@code null} where there are none. */
  public @Nullable LoraAdapters adapters() {
    return adapters;
  }

  /** Base weights with the adapters' part added; {@code name} is a base weight's. */
  public Tensor merged(String name) {
    requireUnchanged();
    String suffix = ".weight";
    return adapters == null || !name.endsWith(suffix)
        ? base.get(name)
        : adapters.merged(name.substring(0, name.length() - suffix.length()), base.get(name));
  }

  /** Names of the base weights in their order. */
  public Set<String> baseNames() {
    return Collections.unmodifiableSet(base.keySet());
  }

  /** Ids that end an answer. */
  public Set<Integer> stopTokens() {
    return stopTokens;
  }

  VisionTower tower() {
    return tower;
  }

  LanguageModel language() {
    return language;
  }

  Tensor headWeight() {
    return config.tiedHead() ? base.get(EMBEDDING) : base.get(HEAD);
  }

  /** A tensor on the model's device. */
  Tensor deviceOf() {
    return base.get(EMBEDDING);
  }

  @Override
  public AnswerStates forward(@Nullable ImageBatch images, List<TokenSequence> sequences) {
    if (sequences.isEmpty()) {
      throw new IllegalArgumentException("at least one sequence is needed, found none");
    }
    requireUnchanged();
    AnswerRows answers = new AnswerRows(config, images, sequences, deviceOf());
    QwenRows rows = answers.rows();
    Tensor x = rows.embed(language, rows.encode(tower), deviceOf());
    Rotary rotary = language.rotary(rows.positions(), 0, rows.longest(), x);
    if (recompute && GradMode.is_enabled() && !pixelsAreWanted(images)) {
      return new RecomputedStates(language, x, rotary, answers, headWeight());
    }
    for (int layer = 0; layer < language.layers(); layer++) {
      x = language.block(layer, x, rotary, answers);
    }
    Tensor hidden = language.norm(x.reshape(-1, x.size(2)).index_select(0, answers.places()));
    return new States(hidden, headWeight());
  }

  /** An attack's gradient goes on into the pixels, by way of LibTorch's own graph. */
  private static boolean pixelsAreWanted(@Nullable ImageBatch images) {
    if (images == null) {
      return false;
    }
    return images.stacked() != null
        ? images.stacked().requires_grad()
        : images.images().stream().anyMatch(Tensor::requires_grad);
  }

  private record States(Tensor hidden, Tensor headWeight) implements AnswerStates {
    @Override
    public Tensor logits() {
      return QwenWeights.logits(hidden, headWeight);
    }
  }

  @Override
  public List<GeneratedAnswer> generate(
      @Nullable ImageBatch images, List<int[]> prompts, long[] streams, GenerationOptions options) {
    requireUnchanged();
    return new QwenGenerator(this, options).generate(images, prompts, streams);
  }

  /** Shares the frozen base where only adapters are trained. */
  @Override
  public QwenModel copy() {
    requireUnchanged();
    if (adapters != null) {
      LoraAdapters own = adapters.frozenCopy();
      own.parameters().values().forEach(tensor -> tensor.set_requires_grad(true));
      return new QwenModel(config, base, false, own, false, tokenizer, processor, stopTokens)
          .beforeEachPass(beforeEachPass);
    }
    Map<String, Tensor> copies = new LinkedHashMap<>();
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      base.forEach(
          (name, tensor) ->
              copies.put(
                  name, tensor.detach().clone().set_requires_grad(trainable).retainReference()));
    }
    return new QwenModel(config, copies, true, null, trainable, tokenizer, processor, stopTokens);
  }

  @Override
  public MultimodalModel reference() {
    return adapters == null
        ? copy()
        : new QwenModel(
                config, base, false, adapters.frozenCopy(), false, tokenizer, processor, stopTokens)
            .beforeEachPass(beforeEachPass);
  }

  @Override
  public void close() {
    if (adapters != null) {
      adapters.close();
    }
    if (ownsBase) {
      base.values().forEach(Tensor::close);
    }
  }
}
