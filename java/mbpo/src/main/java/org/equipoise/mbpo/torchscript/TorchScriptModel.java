package org.equipoise.mbpo.torchscript;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.NamedTensor;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.named_buffer_iterator;
import org.bytedeco.pytorch.named_buffer_list;
import org.bytedeco.pytorch.named_parameter_iterator;
import org.bytedeco.pytorch.named_parameter_list;
import org.equipoise.mbpo.model.AnswerStates;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.ImageProcessor;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.TextTokenizer;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.storage.Excerpt;
import org.equipoise.mbpo.storage.Sentence;
import org.equipoise.torch.Equipoise;
import org.jspecify.annotations.Nullable;

/**
 * A model that was exported from elsewhere as TorchScript: its {@code forward} maps
 *
 * <pre>(pixels [n, 3, height, width] float32 RGB in [0, 1], ids [n, t] int64) -> logits [n, t, v]
 * </pre>
 *
 * where {@code logits[:, i]} predict token {@code i + 1} and depend on no later token (shorter rows
 * are filled up at the right with the end token). Normalising the pixels is the module's own work.
 * {@code v} is at least the tokenizer's vocabulary.
 *
 * <p>Gradients flow to the pixels, and to the parameters that required them when the module was
 * saved. The module runs in evaluation mode. Its interface has no cache of keys and values, so
 * generation reads the whole row for each token. Prompts without an image are not possible.
 */
public final class TorchScriptModel implements MultimodalModel {
  private static final int LONGEST_REASON = 300;

  private final JitModule module;
  private final String name;
  private final TextTokenizer tokenizer;
  private final ImageProcessor processor;
  private final Map<String, Tensor> parameters = new LinkedHashMap<>();
  private final Map<String, Tensor> weights = new LinkedHashMap<>();

  private TorchScriptModel(
      JitModule module, String name, TextTokenizer tokenizer, ImageProcessor processor) {
    this.module = module;
    this.name = name;
    this.tokenizer = tokenizer;
    this.processor = processor;
    module.eval();
    try (PointerScope scope = new PointerScope()) {
      named_parameter_list list = module.named_parameters();
      named_parameter_iterator end = list.end();
      for (named_parameter_iterator at = list.begin(); at.notEquals(end); at.increment()) {
        Tensor tensor = keep(at.multiply());
        if (tensor.requires_grad()) {
          parameters.put(at.multiply().name().getString(), tensor);
        }
      }
      named_buffer_list buffers = module.named_buffers();
      named_buffer_iterator last = buffers.end();
      for (named_buffer_iterator at = buffers.begin(); at.notEquals(last); at.increment()) {
        keep(at.multiply());
      }
    }
  }

  private Tensor keep(NamedTensor named) {
    Tensor tensor = new Tensor(named.value());
    tensor.retainReference();
    weights.put(named.name().getString(), tensor);
    return tensor;
  }

  /**
   * Reads what {@code torch.jit.save} wrote. Such a file is a program: its {@code __setstate__}
   * runs while it is read, its {@code forward} whenever the model is asked. Both may do whatever
   * the operators of LibTorch can do in the name of the user who runs this, such as writing over
   * any of that user's files ({@code aten::save}) and filling all memory. Nothing here holds them
   * back: call this with a file only if you would run a program of whoever made it. Safetensors
   * hold weights alone, which a model of one's own class can be given without such trust.
   *
   * @param tokenizer prompts hold whatever marks the image for the module, if anything does
   * @param processor decides the sizes of images that the module is given
   * @throws IllegalArgumentException naming the file, if it is not there or no TorchScript module
   */
  public static TorchScriptModel loadAndRunItsCode(
      Path file, TextTokenizer tokenizer, ImageProcessor processor) {
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException(file + ": there is no such file");
    }
    Equipoise.initialize();
    try (PointerScope scope = new PointerScope()) {
      JitModule module = torch.load(file.toString());
      module.retainReference();
      String stem = file.getFileName().toString().replaceAll("\\.[^.]*$", "");
      return new TorchScriptModel(module, stem, tokenizer, processor);
    } catch (RuntimeException e) {
      throw new IllegalArgumentException(
          file
              + ": expected a TorchScript module as torch.jit.save writes it: "
              + Excerpt.beginning(reason(e), LONGEST_REASON),
          e);
    }
  }

  /** What of a LibTorch error tells what went wrong. */
  static String reason(RuntimeException e) {
    return Excerpt.of(Sentence.of(e));
  }

  JitModule module() {
    return module;
  }

  @Override
  public String name() {
    long count = weights.values().stream().mapToLong(Tensor::numel).sum();
    return String.format(Locale.ROOT, "%s-%.2fM", name, count / 1e6);
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
    return Collections.unmodifiableMap(parameters);
  }

  /** Parameters and buffers. */
  @Override
  public Map<String, Tensor> weights() {
    return Collections.unmodifiableMap(weights);
  }

  @Override
  public AnswerStates forward(@Nullable ImageBatch images, List<TokenSequence> sequences) {
    if (sequences.isEmpty()) {
      throw new IllegalArgumentException("at least one sequence is needed, found none");
    }
    List<int[]> rows = sequences.stream().map(TokenSequence::read).toList();
    int[] counts = sequences.stream().mapToInt(sequence -> sequence.answer().length).toArray();
    return new Logits(new ModuleRows(this, images, rows.size()).last(rows, counts));
  }

  private record Logits(Tensor logits) implements AnswerStates {
    @Override
    public @Nullable Tensor hidden() {
      return null;
    }

    @Override
    public @Nullable Tensor headWeight() {
      return null;
    }
  }

  @Override
  public List<GeneratedAnswer> generate(
      @Nullable ImageBatch images, List<int[]> prompts, long[] streams, GenerationOptions options) {
    return new TorchScriptGenerator(this, options).generate(images, prompts, streams);
  }

  @Override
  public TorchScriptModel copy() {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGrad = new NoGradGuard()) {
      JitModule copied = module.deepcopy();
      copied.retainReference();
      named_parameter_list list = copied.named_parameters();
      named_parameter_iterator end = list.end();
      for (named_parameter_iterator at = list.begin(); at.notEquals(end); at.increment()) {
        NamedTensor named = at.multiply();
        named.value().set_requires_grad(parameters.containsKey(named.name().getString()));
      }
      return new TorchScriptModel(copied, name, tokenizer, processor);
    }
  }

  @Override
  public void close() {
    weights.values().forEach(Tensor::close);
    module.close();
  }
}
