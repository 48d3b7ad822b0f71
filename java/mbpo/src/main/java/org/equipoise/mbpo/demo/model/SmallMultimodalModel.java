package org.equipoise.mbpo.demo.model;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.mbpo.demo.scene.SceneObject;
import org.equipoise.mbpo.demo.scene.SceneRenderer;
import org.equipoise.mbpo.model.AnswerStates;
import org.equipoise.mbpo.model.GeneratedAnswer;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.model.ImageProcessor;
import org.equipoise.mbpo.model.MultimodalModel;
import org.equipoise.mbpo.model.TokenSequence;
import org.equipoise.mbpo.storage.SafetensorsFile;
import org.equipoise.mbpo.tensor.HostTensors;
import org.jspecify.annotations.Nullable;

/**
 * The demonstration's vision-language model: 8-pixel linear patches (16 tokens), one transformer
 * block over them, a two-layer projector, and a causal decoder of two blocks with a tied head over
 * a word vocabulary. Width 64, 4 heads, about 176 thousand parameters.
 *
 * <p>A sequence is [16 image tokens][prompt][answer], so right padding needs no mask: causal
 * attention never looks at it. The last block is computed only at positions that predict an answer
 * token. Images given as the same tensor object are encoded once, and two answers to one prompt
 * about one image share what is computed for both.
 */
public final class SmallMultimodalModel implements MultimodalModel {
  private static final String NO_TEXT_ALONE =
      "the small model takes an image with every prompt; use the blind image instead of none";

  private static final int WIDTH = SmallModelParameters.WIDTH;
  private static final int PATCH = SmallModelParameters.PATCH;
  private static final int GRID = SmallModelParameters.GRID;
  private static final int PATCHES = SmallModelParameters.PATCHES;
  private static final int SIZE = GRID * PATCH;
  private static final float MEAN = 0.5f;
  private static final float DEVIATION = 0.25f;

  private final WordTokenizer tokenizer = new WordTokenizer();
  private final SmallModelParameters parameters;
  private final TransformerBlock visionBlock;
  private final List<TransformerBlock> decoder = new ArrayList<>();

  /** A fresh model whose weights are a pure function of the seed. */
  public static SmallMultimodalModel create(long seed) {
    try (PointerScope scope = new PointerScope()) {
      return new SmallMultimodalModel(
          new SmallModelParameters(new WordTokenizer().vocabularySize(), seed));
    }
  }

  /** A model with the weights that {@link #save} wrote. */
  public static SmallMultimodalModel load(Path file) {
    SmallMultimodalModel model = create(0);
    SafetensorsFile.readInto(file, model.parameters());
    return model;
  }

  /** Writes the weights as a safetensors file, atomically. */
  public void save(Path file) {
    SafetensorsFile.write(file, parameters(), Map.of("model", name()));
  }

  private SmallMultimodalModel(SmallModelParameters parameters) {
    this.parameters = parameters;
    this.visionBlock = new TransformerBlock(parameters, "vision.block");
    for (int layer = 0; layer < SmallModelParameters.DECODER_LAYERS; layer++) {
      decoder.add(new TransformerBlock(parameters, "decoder.block" + layer));
    }
  }

  @Override
  public String name() {
    return "small-multimodal-176k";
  }

  @Override
  public WordTokenizer tokenizer() {
    return tokenizer;
  }

  @Override
  public ImageProcessor imageProcessor() {
    return SmallImageProcessor.INSTANCE;
  }

  @Override
  public Map<String, Tensor> parameters() {
    return parameters.all();
  }

  /** The images of a batch, each distinct tensor once, and which one belongs to each row. */
  record DistinctImages(Tensor stacked, long[] rows) {
    static DistinctImages of(@Nullable ImageBatch batch) {
      if (batch == null) {
        throw new UnsupportedOperationException(NO_TEXT_ALONE);
      }
      int count = batch.size();
      long[] rows = new long[count];
      if (batch.stacked() != null) {
        for (int i = 0; i < count; i++) {
          rows[i] = i;
        }
        return new DistinctImages(checked(batch.stacked(), 4), rows);
      }
      Map<Tensor, Integer> seen = new IdentityHashMap<>();
      List<Tensor> distinct = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        Tensor image = checked(batch.images().get(i), 3);
        Integer row = seen.putIfAbsent(image, distinct.size());
        if (row == null) {
          rows[i] = distinct.size();
          distinct.add(image);
        } else {
          rows[i] = row;
        }
      }
      return new DistinctImages(
          torch.stack(new TensorVector(distinct.toArray(new Tensor[0]))), rows);
    }

    private static Tensor checked(Tensor images, int dimensions) {
      boolean fits =
          images.dim() == dimensions
              && images.size(dimensions - 1) == SIZE
              && images.size(dimensions - 2) == SIZE
              && images.size(dimensions - 3) == 3;
      if (!fits) {
        throw new IllegalArgumentException(
            "images must be 3x"
                + SIZE
                + "x"
                + SIZE
                + " (resize them with imageProcessor()), found a"
                + " tensor of shape "
                + images.sizes());
      }
      return images;
    }
  }

  /** Image tokens [images, 16, width] in the decoder's space, without the decoder's positions. */
  Tensor encodeImages(Tensor images) {
    long count = images.size(0);
    Tensor patches =
        images
            .sub(new Scalar(MEAN))
            .mul(new Scalar(1 / DEVIATION))
            .view(count, 3, GRID, PATCH, GRID, PATCH)
            .permute(0, 2, 4, 1, 3, 5)
            .reshape(count, PATCHES, 3L * PATCH * PATCH);
    Tensor states = linear(patches, "vision.patch").add(parameters.get("vision.position"));
    states = visionBlock.apply(states, false).states();
    states = TransformerBlock.layerNorm(parameters, states, "vision.norm");
    return linear(torch.gelu(linear(states, "projector.up")), "projector.down");
  }

  /**
   * Logits of the words for each quadrant of the image: the mean of the quadrant's four image
   * tokens times the word embeddings. What vision alignment trains.
   *
   * @return [images, 4, words]
   */
  public Tensor quadrantLogits(Tensor images, Tensor wordIds) {
    Tensor tokens = encodeImages(images);
    Tensor quadrants =
        tokens
            .view(images.size(0), 2, 2, 2, 2, WIDTH)
            .mean(new long[] {2, 4}, false, new ScalarTypeOptional())
            .view(images.size(0), 4, WIDTH);
    return quadrants.matmul(parameters.get("text.embedding").index_select(0, wordIds).t());
  }

  /** Ids of the objects' words in declaration order, then of the word for an empty quadrant. */
  public Tensor objectWords() {
    long[] ids =
        LongStream.concat(
                SceneObject.all().stream().mapToLong(object -> tokenizer.id(object.word())),
                LongStream.of(tokenizer.id(WordTokenizer.NOTHING)))
            .toArray();
    return HostTensors.longs(ids, ids.length);
  }

  @Override
  public AnswerStates forward(@Nullable ImageBatch images, List<TokenSequence> sequences) {
    if (images != null && images.size() != sequences.size() || sequences.isEmpty()) {
      throw new IllegalArgumentException(
          "one image per sequence is needed and at least one of each, found "
              + images.size()
              + " images and "
              + sequences.size()
              + " sequences");
    }
    DistinctImages distinct = DistinctImages.of(images);
    PackedLayout layout = new PackedLayout(sequences, distinct.rows(), PATCHES);
    long[] imageRows = layout.images();
    Tensor imageTokens =
        encodeImages(distinct.stacked())
            .index_select(0, HostTensors.longs(imageRows, imageRows.length));
    Tensor states = decoderInput(imageTokens, layout.ids(), textPositions(layout.textPositions()));
    Tensor mask = layout.shared() ? layout.mask() : null;
    for (int layer = 0; layer < decoder.size() - 1; layer++) {
      states =
          mask == null
              ? decoder.get(layer).apply(states, true).states()
              : decoder.get(layer).applyMasked(states, mask).states();
    }
    Tensor answers =
        decoder
            .get(decoder.size() - 1)
            .applyAt(states, layout.queryPositions(), layout.queryMask())
            .states()
            .reshape(-1, WIDTH);
    Tensor packed = answers.index_select(0, layout.packedQueries());
    return new TiedHeadStates(
        TransformerBlock.layerNorm(parameters, packed, "decoder.norm"),
        parameters.get("text.embedding"));
  }

  /** Embedded text positions [..., width]. */
  private Tensor textPositions(Tensor positions) {
    return torch.embedding(parameters.get("text.position"), positions);
  }

  /** Embedded text positions 0 to {@code textLength - 1} [text, width]. */
  Tensor textPositions(int textLength) {
    return parameters.get("text.position").narrow(0, 0, textLength);
  }

  /** [batch, 16 + text, width]: image tokens and embedded text with their positions. */
  Tensor decoderInput(Tensor imageTokens, Tensor ids, Tensor textPositions) {
    Tensor image = imageTokens.add(parameters.get("decoder.image-position"));
    Tensor text = torch.embedding(parameters.get("text.embedding"), ids).add(textPositions);
    return torch.cat(new TensorVector(image, text), 1);
  }

  /** One embedded token per row at one text position: [rows, 1, width]. */
  Tensor tokenInput(Tensor ids, int textPosition) {
    return torch
        .embedding(parameters.get("text.embedding"), ids)
        .add(parameters.get("text.position").narrow(0, textPosition, 1));
  }

  /** Next-word logits [rows, vocab] of decoder states [rows, 1, width]. */
  Tensor head(Tensor states) {
    Tensor normed = TransformerBlock.layerNorm(parameters, states.view(-1, WIDTH), "decoder.norm");
    return normed.matmul(parameters.get("text.embedding").t());
  }

  List<TransformerBlock> decoder() {
    return decoder;
  }

  private Tensor linear(Tensor x, String name) {
    return torch.linear(
        x, parameters.get(name + ".weight"), new TensorOptional(parameters.get(name + ".bias")));
  }

  @Override
  public List<GeneratedAnswer> generate(
      @Nullable ImageBatch images, List<int[]> prompts, long[] streams, GenerationOptions options) {
    if (images == null) {
      throw new UnsupportedOperationException(NO_TEXT_ALONE);
    }
    return new SmallModelGenerator(this, options).generate(images, prompts, streams);
  }

  @Override
  public SmallMultimodalModel copy() {
    try (PointerScope scope = new PointerScope()) {
      return new SmallMultimodalModel(new SmallModelParameters(parameters));
    }
  }

  @Override
  public void close() {
    parameters.close();
  }

  static float blindLevel() {
    return MEAN;
  }

  static int imageSize() {
    return SceneRenderer.SIZE;
  }

  private record TiedHeadStates(Tensor hidden, Tensor headWeight) implements AnswerStates {
    @Override
    public Tensor logits() {
      return hidden.matmul(headWeight.t());
    }
  }
}
