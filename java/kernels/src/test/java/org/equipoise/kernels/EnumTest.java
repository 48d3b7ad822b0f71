package org.equipoise.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToIntFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The C headers are the one list of kinds; Java's enumerations must say the same. */
class EnumTest {
  private static final Path INCLUDE = Path.of("../../native/include/equipoise");

  private static String header(String name) throws IOException {
    return Files.readString(INCLUDE.resolve(name));
  }

  /** The entries X(NAME, value, ...) of one list macro. */
  private static Map<String, Integer> list(String header, String macro) throws IOException {
    Matcher start =
        Pattern.compile("#define " + macro + "\\(X\\)((?:[^\\n]*\\\\\\n)*[^\\n]*)")
            .matcher(header(header));
    assertEquals(true, start.find(), macro + " in " + header);
    Map<String, Integer> entries = new TreeMap<>();
    Matcher entry = Pattern.compile("X\\((\\w+), (-?\\d+)[,)]").matcher(start.group(1));
    while (entry.find()) {
      entries.put(entry.group(1), Integer.parseInt(entry.group(2)));
    }
    return entries;
  }

  private static <E extends Enum<E>> Map<String, Integer> java(
      Class<E> type, ToIntFunction<E> code) {
    Map<String, Integer> entries = new TreeMap<>();
    Arrays.stream(type.getEnumConstants())
        .forEach(constant -> entries.put(constant.name(), code.applyAsInt(constant)));
    return entries;
  }

  @Test
  void pairLossKinds() throws IOException {
    assertEquals(
        list("pair_loss.h", "EQP_PAIR_LOSS_KINDS"), java(PairLossKind.class, PairLossKind::code));
    assertEquals(
        list("pair_loss.h", "EQP_PAIR_DIVERGENCES"),
        java(PairDivergence.class, PairDivergence::code));
  }

  @Test
  void unpairedLossKinds() throws IOException {
    assertEquals(
        list("unpaired_loss.h", "EQP_UNPAIRED_LOSS_KINDS"),
        java(UnpairedLossKind.class, UnpairedLossKind::code));
  }

  @Test
  void policyLosses() throws IOException {
    assertEquals(
        list("policy_loss.h", "EQP_POLICY_NORMALIZERS"),
        java(PolicyNormalizer.class, PolicyNormalizer::code));
    assertEquals(
        list("policy_loss.h", "EQP_POLICY_SURROGATES"),
        java(PolicySurrogate.class, PolicySurrogate::code));
    assertEquals(
        list("policy_loss.h", "EQP_POLICY_IMPORTANCES"),
        java(PolicyImportance.class, PolicyImportance::code));
    assertEquals(list("policy_loss.h", "EQP_POLICY_KLS"), java(PolicyKl.class, PolicyKl::code));
    assertEquals(
        list("policy_loss.h", "EQP_SAMPLER_CORRECTIONS"),
        java(SamplerCorrection.class, SamplerCorrection::code));
  }

  @Test
  void advantages() throws IOException {
    assertEquals(
        list("group_advantage.h", "EQP_ADVANTAGE_SCALES"),
        java(AdvantageScale.class, AdvantageScale::code));
    assertEquals(
        list("group_advantage.h", "EQP_ADVANTAGE_BASELINES"),
        java(AdvantageBaseline.class, AdvantageBaseline::code));
    assertEquals(
        list("group_advantage.h", "EQP_ADVANTAGE_AGGREGATIONS"),
        java(RewardAggregation.class, RewardAggregation::code));
    assertEquals(
        list("group_advantage.h", "EQP_ADVANTAGE_SINGLETONS"),
        java(SingletonGroup.class, SingletonGroup::code));
  }

  @Test
  void dataTypesAndDirections() throws IOException {
    assertEquals(list("types.h", "EQP_DTYPES"), java(DataType.class, DataType::code));
    assertEquals(list("perturbation.h", "EQP_DIRECTIONS"), java(Direction.class, Direction::code));
    assertEquals(
        list("perturbation.h", "EQP_IMAGE_QUANTITIES"),
        java(ImageQuantity.class, ImageQuantity::code));
  }

  @Test
  void imageTransforms() throws IOException {
    assertEquals(
        list("input_diversity.h", "EQP_INTERPOLATIONS"),
        java(Interpolation.class, Interpolation::code));
    assertEquals(
        list("translation_invariance.h", "EQP_BLUR_KERNELS"),
        java(BlurShape.class, BlurShape::code));
  }
}
