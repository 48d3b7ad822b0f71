package org.equipoise.mbpo.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.equipoise.mbpo.image.Resampling;
import org.equipoise.mbpo.qwen.QwenConfig;
import org.equipoise.mbpo.storage.Json;
import org.jspecify.annotations.Nullable;

/**
 * What a checkpoint's files say of images: {@code image_processor} in {@code
 * processor_config.json}, as transformers 5 writes it, otherwise {@code preprocessor_config.json},
 * otherwise the values of transformers' class.
 *
 * @param resize whether images are resized at all
 * @param minPixels smallest area
 * @param maxPixels largest area
 * @param mean subtracted from values in [0, 1]
 * @param deviation divided by after that
 */
record ImageProcessorConfig(
    boolean resize,
    Resampling resampling,
    long minPixels,
    long maxPixels,
    float[] mean,
    float[] deviation) {
  static final String PROCESSOR = "processor_config.json";
  static final String PREPROCESSOR = "preprocessor_config.json";

  /** Fields of processor_config.json that are used or checked. */
  static final Set<String> PROCESSOR_USED =
      Set.of("image_processor", "chat_template", "processor_class", "auto_map");

  /** Fields of processor_config.json that concern videos and sound. */
  static final Set<String> PROCESSOR_WITHOUT_EFFECT =
      Set.of("video_processor", "audio_tokenizer", "image_token", "video_token");

  /** Fields of an image processor that are used or checked. */
  static final Set<String> USED =
      Set.of(
          "do_resize",
          "size",
          "min_pixels",
          "max_pixels",
          "resample",
          "do_rescale",
          "rescale_factor",
          "do_normalize",
          "image_mean",
          "image_std",
          "patch_size",
          "merge_size",
          "temporal_patch_size",
          "image_processor_type",
          "processor_class",
          "auto_map");

  /**
   * Fields of an image processor that transformers' classes of these families do not use, or that
   * say how a call returns its tensors. Images are always decoded to RGB.
   */
  static final Set<String> WITHOUT_EFFECT =
      Set.of(
          "do_convert_rgb",
          "do_center_crop",
          "crop_size",
          "do_pad",
          "pad_size",
          "size_divisor",
          "default_to_square",
          "data_format",
          "input_data_format",
          "device",
          "disable_grouping",
          "return_tensors",
          "image_seq_length",
          "feature_extractor_type",
          "_valid_kwargs_names",
          "_valid_processor_keys");

  private static final Set<String> CLASSES =
      Set.of(
          "Qwen2VLImageProcessor",
          "Qwen2VLImageProcessorFast",
          "Qwen2VLImageProcessorPil",
          "Qwen2_5_VLImageProcessor",
          "Qwen2_5_VLImageProcessorFast");
  private static final Set<String> PROCESSOR_CLASSES =
      Set.of("Qwen2VLProcessor", "Qwen2_5_VLProcessor");

  /** Beyond it pixels become numbers that models cannot compute with. */
  private static final float LARGEST = 1e6f;

  private static final long CLASS_MIN_PIXELS = 56 * 56;
  private static final long CLASS_MAX_PIXELS = 1280 * 28 * 28;
  private static final double[] CLIP_MEAN = {0.48145466, 0.4578275, 0.40821073};
  private static final double[] CLIP_DEVIATION = {0.26862954, 0.26130258, 0.27577711};

  static ImageProcessorConfig read(Path folder, QwenConfig.Vision vision) {
    CheckpointFields fields = find(folder);
    if (fields == null) {
      Path none = folder.resolve(PREPROCESSOR);
      return of(new CheckpointFields(none, "", Json.MAPPER.createObjectNode()));
    }
    fields.account(USED, WITHOUT_EFFECT);
    requireKnownClasses(fields);
    requireSame(fields, "patch_size", 14, vision.patchSize(), "patch_size");
    requireSame(fields, "merge_size", 2, vision.mergeSize(), "spatial_merge_size");
    requireSame(
        fields, "temporal_patch_size", 2, vision.temporalPatchSize(), "temporal_patch_size");
    return of(fields);
  }

  private static @Nullable CheckpointFields find(Path folder) {
    Path processor = folder.resolve(PROCESSOR);
    if (Files.exists(processor)) {
      CheckpointFields fields = new CheckpointFields(processor, "", Json.readObject(processor));
      fields.account(PROCESSOR_USED, PROCESSOR_WITHOUT_EFFECT);
      requireKnownClasses(fields);
      if (fields.has("image_processor")) {
        return fields.child("image_processor");
      }
    }
    Path preprocessor = folder.resolve(PREPROCESSOR);
    return Files.exists(preprocessor)
        ? new CheckpointFields(preprocessor, "", Json.readObject(preprocessor))
        : null;
  }

  private static void requireKnownClasses(CheckpointFields fields) {
    fields.require(
        !fields.has("auto_map"), "auto_map", "no code of the checkpoint's own, which is not run");
    fields.require(
        !fields.has("processor_class")
            || PROCESSOR_CLASSES.contains(fields.text("processor_class", "")),
        "processor_class",
        "Qwen2VLProcessor or Qwen2_5_VLProcessor");
    fields.require(
        !fields.has("image_processor_type")
            || CLASSES.contains(fields.text("image_processor_type", "")),
        "image_processor_type",
        "Qwen2VLImageProcessor");
  }

  private static void requireSame(
      CheckpointFields fields, String field, int otherwise, int model, String modelField) {
    fields.require(
        given(fields, field).integer(field, otherwise) == model,
        field,
        model
            + " as vision_config."
            + modelField
            + " in config.json has it"
            + (fields.has(field) ? "" : " (without the field it is " + otherwise + ")"));
  }

  private static ImageProcessorConfig of(CheckpointFields fields) {
    long[] area = area(fields);
    boolean rescale = flag(fields, "do_rescale");
    boolean normalize = flag(fields, "do_normalize");
    // v = (255 x f - m) / s of values x in [0, 1] is (x - m / (255 f)) / (s / (255 f)).
    double scale =
        255 * (rescale ? given(fields, "rescale_factor").positive("rescale_factor", 1 / 255.0) : 1);
    float[] subtracted = new float[3];
    float[] divisor = new float[3];
    double[] mean = new double[3];
    double[] deviation = {1, 1, 1};
    if (normalize) {
      mean = given(fields, "image_mean").perChannel("image_mean", CLIP_MEAN);
      deviation = given(fields, "image_std").perChannel("image_std", CLIP_DEVIATION);
    }
    for (int channel = 0; channel < 3; channel++) {
      subtracted[channel] = (float) (mean[channel] / scale);
      divisor[channel] = (float) (deviation[channel] / scale);
      fields.require(deviation[channel] > 0, "image_std", "three numbers above zero");
      fields.require(
          Float.isFinite(subtracted[channel]) && Math.abs(subtracted[channel]) <= LARGEST,
          normalize ? "image_mean" : "rescale_factor",
          "numbers of a usual size");
      fields.require(
          divisor[channel] >= 1 / LARGEST && divisor[channel] <= LARGEST,
          normalize ? "image_std" : "rescale_factor",
          "numbers of a usual size");
    }
    return new ImageProcessorConfig(
        flag(fields, "do_resize"), filter(fields), area[0], area[1], subtracted, divisor);
  }

  private static boolean flag(CheckpointFields fields, String field) {
    return given(fields, field).flag(field, true);
  }

  /** With null transformers does not take its default: it does something else or fails. */
  private static CheckpointFields given(CheckpointFields fields, String field) {
    fields.require(!fields.get(field).isNull(), field, "a value, or no such field");
    return fields;
  }

  private static Resampling filter(CheckpointFields fields) {
    JsonNode code = fields.get("resample");
    if (!given(fields, "resample").has("resample")) {
      return Resampling.BICUBIC;
    }
    return Resampling.ofCode(code.isIntegralNumber() ? code.asLong() : -1)
        .orElseThrow(
            () ->
                fields.error(
                    "resample",
                    "a filter of Pillow's: 0 (nearest), 1 (Lanczos), 2 (bilinear), 3 (bicubic), 4"
                        + " (box) or 5 (Hamming)"));
  }

  /**
   * Smallest and largest area: {@code min_pixels} and {@code max_pixels}, which win, or {@code
   * size} with both of the same names or with {@code shortest_edge} and {@code longest_edge}.
   */
  private static long[] area(CheckpointFields fields) {
    long least = CLASS_MIN_PIXELS;
    long most = CLASS_MAX_PIXELS;
    if (fields.has("size")) {
      CheckpointFields size = fields.child("size");
      Set<String> names = Set.copyOf(size.names());
      boolean edges = names.equals(Set.of("shortest_edge", "longest_edge"));
      boolean pixels = names.equals(Set.of("min_pixels", "max_pixels"));
      fields.require(
          edges || pixels,
          "size",
          "areas as shortest_edge and longest_edge or as min_pixels and max_pixels");
      least = size.integer(edges ? "shortest_edge" : "min_pixels", least);
      most = size.integer(edges ? "longest_edge" : "max_pixels", most);
    }
    least = fields.integer("min_pixels", least);
    most = fields.integer("max_pixels", most);
    String field =
        fields.has("min_pixels") ? "min_pixels" : fields.has("max_pixels") ? "max_pixels" : "size";
    fields.require(
        least <= most, field, "a smallest area of at most the largest, " + least + " <= " + most);
    return new long[] {least, most};
  }
}
