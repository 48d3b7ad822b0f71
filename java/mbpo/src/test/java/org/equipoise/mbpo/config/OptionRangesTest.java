package org.equipoise.mbpo.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Modifier;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.DoublePredicate;
import java.util.stream.Stream;
import org.equipoise.mbpo.checkpoint.ChatTemplate;
import org.equipoise.mbpo.checkpoint.CheckpointOptions;
import org.equipoise.mbpo.checkpoint.TokenizerTrust;
import org.equipoise.mbpo.checkpoint.WeightReading;
import org.equipoise.mbpo.evaluate.Bootstrap;
import org.equipoise.mbpo.evaluate.EvaluationOptions;
import org.equipoise.mbpo.lora.LoraOptions;
import org.equipoise.mbpo.mine.InformationGainSelection;
import org.equipoise.mbpo.mine.MiningOptions;
import org.equipoise.mbpo.mine.NegativeSources;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.run.RunOptions;
import org.equipoise.mbpo.train.DpoOptions;
import org.equipoise.mbpo.train.HybridGrpoOptions;
import org.equipoise.mbpo.train.OfflineOptions;
import org.equipoise.mbpo.train.OnlineOptions;
import org.equipoise.mbpo.train.OptimizerOptions;
import org.equipoise.mbpo.train.PolicyOptions;
import org.equipoise.mbpo.train.SftOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/**
 * Every number of every public record of options or settings: what can never be valid is refused
 * when the record is made, by the number's name, and what is valid is taken. A number without a
 * rule here fails the test.
 */
class OptionRangesTest {
  private static final Map<String, DoublePredicate> RULES = new TreeMap<>();

  private static void rule(String numbers, DoublePredicate allowed) {
    for (String number : numbers.split(" ")) {
      RULES.put(number, allowed);
    }
  }

  static {
    DoublePredicate finite = Double::isFinite;
    DoublePredicate notNegative = v -> v >= 0 && Double.isFinite(v);
    DoublePredicate positive = v -> v > 0 && Double.isFinite(v);
    DoublePredicate fromOne = v -> v >= 1;
    DoublePredicate share = v -> v >= 0 && v <= 1;
    DoublePredicate positiveShare = v -> v > 0 && v <= 1;
    DoublePredicate belowOne = v -> v >= 0 && v < 1;
    DoublePredicate zeroOrOne = v -> v == 0 || v == 1;
    DoublePredicate any = v -> true;
    rule("GenerationOptions.maxNewTokens EvaluationOptions.batchSize LoraOptions.rank", fromOne);
    rule("GenerationOptions.temperature GenerationOptions.contrastAlpha", notNegative);
    rule("GenerationOptions.topK MineSettings.preview", notNegative);
    rule("GenerationOptions.topP MiningOptions.maximumEditSimilarity", positiveShare);
    rule("GenerationOptions.contrastPlausibility SftOptions.blankImageShare", share);
    rule("GenerationOptions.seed LoraOptions.seed SftOptions.seed DpoOptions.seed", any);
    rule("HybridGrpoOptions.seed Bootstrap.seed", any);
    rule("Bootstrap.resamples", v -> v >= 100);
    rule("InformationGainSelection.keepShare OptimizerOptions.finalFraction", share);
    rule("MiningOptions.batchSize TrainSettings.checkpointEvery ModelSettings.maxPixels", fromOne);
    rule("MiningOptions.minimumDrop", notNegative);
    rule("MiningOptions.maximumLengthRatio", fromOne);
    rule("MiningOptions.maximumRepetition MineSettings.keepShare", positiveShare);
    rule("MineSettings.epsilonIn255ths", v -> v > 0 && v <= 255);
    rule("MineSettings.stepIn255ths MineSettings.sigma LoraOptions.alpha", positive);
    rule("MineSettings.steps RunOptions.workers SftOptions.steps SftOptions.batchSize", fromOne);
    rule("MineSettings.diffusionStep", v -> v >= 0 && v <= 999);
    rule("OptimizerOptions.learningRate OptimizerOptions.epsilon", positive);
    rule("OptimizerOptions.beta1 OptimizerOptions.beta2", belowOne);
    rule("OptimizerOptions.weightDecay OptimizerOptions.gradientClip", notNegative);
    rule("OptimizerOptions.warmUpSteps SftOptions.microBatch DpoOptions.microBatch", notNegative);
    rule("PolicyOptions.epsilonLow OfflineOptions.rejectedShare", share);
    rule("PolicyOptions.epsilonHigh", v -> v >= 0);
    rule("PolicyOptions.klBeta", notNegative);
    rule("PolicyOptions.negativeLogProbFloor", v -> v <= 0);
    rule("OnlineOptions.promptsPerIteration OnlineOptions.maxGroups", notNegative);
    rule("OnlineOptions.groupSize", v -> v >= 2);
    rule("OnlineOptions.temperature DpoOptions.beta", positive);
    rule("OnlineOptions.maxNewTokens DpoOptions.steps DpoOptions.batchPairs", fromOne);
    rule("OnlineOptions.ddof OfflineOptions.ddof", zeroOrOne);
    rule("OnlineOptions.advantageEpsilon OnlineOptions.advantageScale", notNegative);
    rule("OnlineOptions.weight OfflineOptions.weight", notNegative);
    rule("OfflineOptions.pairsPerIteration HybridGrpoOptions.microBatch", notNegative);
    rule("OfflineOptions.chosenReward OfflineOptions.rejectedReward", finite);
    rule("DpoOptions.labelSmoothing", v -> v >= 0 && v < 0.5);
    rule("HybridGrpoOptions.iterations HybridGrpoOptions.updatesPerIteration", fromOne);
  }

  /** One of each. */
  private static List<Record> valid() {
    RunSettings settings = RunSettings.load(null, Map.of());
    return List.of(
        GenerationOptions.greedy(),
        CheckpointOptions.defaults(),
        EvaluationOptions.defaults(),
        LoraOptions.defaults(),
        MiningOptions.defaults(),
        OptimizerOptions.adamW(1e-5),
        PolicyOptions.defaults(),
        OnlineOptions.defaults(),
        OfflineOptions.defaults(),
        HybridGrpoOptions.defaults(),
        DpoOptions.defaults(),
        SftOptions.defaults(),
        RunOptions.defaults(),
        new Bootstrap(1000, 0),
        new InformationGainSelection(0.5),
        settings.bind("mine", MineSettings.class),
        settings.bind("train", TrainSettings.class),
        new ModelSettings(
            "folder",
            null,
            ModelSettings.Type.FILE,
            WeightReading.MAPPED,
            ChatTemplate.FILE,
            TokenizerTrust.KNOWN,
            401_408,
            true));
  }

  private static boolean isNumber(Class<?> type) {
    return type == double.class || type == float.class || type == int.class || type == long.class;
  }

  private static double[] probes(Class<?> type) {
    if (type == int.class || type == long.class) {
      return new double[] {Integer.MIN_VALUE, -1, 0, 1, 2, 100, 999, 1000};
    }
    return new double[] {
      Double.NaN, Double.NEGATIVE_INFINITY, -1, 0, 0.25, 0.5, 1, 2, 300, Double.POSITIVE_INFINITY
    };
  }

  private static Object value(Class<?> type, double number) {
    if (type == int.class) {
      return (int) number;
    }
    if (type == long.class) {
      return (long) number;
    }
    return type == float.class ? (Object) (float) number : (Object) number;
  }

  private static void probe(Record valid, Set<String> unused) throws ReflectiveOperationException {
    RecordComponent[] parts = valid.getClass().getRecordComponents();
    Class<?>[] types = new Class<?>[parts.length];
    Object[] good = new Object[parts.length];
    for (int i = 0; i < parts.length; i++) {
      types[i] = parts[i].getType();
      good[i] = parts[i].getAccessor().invoke(valid);
    }
    Constructor<?> constructor = valid.getClass().getConstructor(types);
    for (int i = 0; i < parts.length; i++) {
      if (!isNumber(types[i])) {
        continue;
      }
      String key = valid.getClass().getSimpleName() + "." + parts[i].getName();
      DoublePredicate rule = RULES.get(key);
      assertNotNull(rule, key + " is a number without a rule in this test");
      unused.remove(key);
      for (double number : probes(types[i])) {
        Object[] values = good.clone();
        values[i] = value(types[i], number);
        Throwable refusal = null;
        try {
          constructor.newInstance(values);
        } catch (InvocationTargetException e) {
          refusal = e.getCause();
        }
        if (rule.test(number)) {
          assertEquals(null, refusal, key + " with " + number);
          continue;
        }
        assertNotNull(refusal, key + " takes " + values[i]);
        assertEquals(IllegalArgumentException.class, refusal.getClass(), key);
        String text = refusal.getMessage();
        assertTrue(text.contains(parts[i].getName()) && text.contains("" + values[i]), text);
      }
    }
  }

  /** The public records of options and settings, found by their names. */
  private static List<Class<?>> optionRecords() throws Exception {
    Path root =
        Path.of(RunSettings.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    List<Class<?>> found = new ArrayList<>();
    try (Stream<Path> files = Files.walk(root.resolve("org/equipoise/mbpo"))) {
      for (Path file : files.toList()) {
        String name = root.relativize(file).toString();
        if (!name.matches(".*(Options|Settings)\\.class")) {
          continue;
        }
        Class<?> each = Class.forName(name.replaceAll("\\.class$", "").replace('/', '.'));
        if (each.isRecord() && Modifier.isPublic(each.getModifiers())) {
          found.add(each);
        }
      }
    }
    return found;
  }

  @Test
  void sourcesOfNegativesRefuseThemToo() {
    double[] bad = {Double.NaN, Double.POSITIVE_INFINITY, -1, 0};
    for (double number : bad) {
      for (Executable source :
          List.<Executable>of(
              () -> NegativeSources.adversarial(number, 0.1, 1, 0),
              () -> NegativeSources.adversarial(0.1, number, 1, 0),
              () -> NegativeSources.gaussian(number, 0))) {
        String text = assertThrows(IllegalArgumentException.class, source).getMessage();
        assertTrue(text.contains("" + number), text);
      }
    }
    for (int number : new int[] {-1, 0}) {
      assertThrows(
          IllegalArgumentException.class, () -> NegativeSources.adversarial(0.1, 0.1, number, 0));
    }
    for (int number : new int[] {-1, 1000}) {
      assertThrows(IllegalArgumentException.class, () -> NegativeSources.diffusion(number, 0));
    }
  }

  @Test
  void numbersThatCanNeverBeValidAreRefused() throws Exception {
    Set<String> unused = new TreeSet<>(RULES.keySet());
    List<Class<?>> missing = new ArrayList<>(optionRecords());
    assertTrue(missing.size() > 10, missing.toString());
    for (Record record : valid()) {
      probe(record, unused);
      missing.remove(record.getClass());
    }
    if (!missing.isEmpty()) {
      fail("records without a valid one in this test: " + missing);
    }
    assertEquals(Set.of(), unused, "rules of numbers that are not there");
  }
}
