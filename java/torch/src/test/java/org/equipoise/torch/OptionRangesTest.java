package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URISyntaxException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.DoublePredicate;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch;
import org.equipoise.kernels.EightBitGridKernel;
import org.equipoise.kernels.GaussianNoiseKernel;
import org.equipoise.kernels.GroupAdvantageKernel;
import org.equipoise.kernels.InputDiversityKernel;
import org.equipoise.kernels.L2StepKernel;
import org.equipoise.kernels.LinfStepKernel;
import org.equipoise.kernels.PairLossKernel;
import org.equipoise.kernels.PixelSpace;
import org.equipoise.kernels.PolicyLossKernel;
import org.equipoise.kernels.TokenLogProbsKernel;
import org.equipoise.kernels.TranslationInvarianceKernel;
import org.equipoise.kernels.UniformStartKernel;
import org.equipoise.kernels.UnpairedLossKernel;
import org.junit.jupiter.api.Test;

/**
 * Every number that an option object of this module or of the kernels takes: what can never be
 * valid is refused where it is set, by the setter's name, and what is valid is taken. A setter
 * without a rule here fails the test.
 */
class OptionRangesTest {
  /** A number that is always valid, and which are. */
  private record Rule(double good, DoublePredicate allows) {}

  private static final Rule ANY = new Rule(1, v -> true);
  private static final Rule NUMBER = new Rule(1, v -> !Double.isNaN(v));
  private static final Rule FINITE = new Rule(0.25, Double::isFinite);
  private static final Rule POSITIVE = new Rule(0.25, v -> v > 0 && Double.isFinite(v));
  private static final Rule INVERTIBLE = new Rule(0.25, v -> v > 1e-38 && Double.isFinite(v));
  private static final Rule NOT_NEGATIVE = new Rule(0.25, v -> v >= 0 && Double.isFinite(v));
  private static final Rule NOT_NEGATIVE_OR_OFF = new Rule(0.25, v -> v >= 0);
  private static final Rule NOT_POSITIVE_OR_OFF = new Rule(-1, v -> v <= 0);
  private static final Rule SHARE = new Rule(0.25, v -> v >= 0 && v <= 1);
  private static final Rule POSITIVE_SHARE = new Rule(0.25, v -> v > 0 && v <= 1);
  private static final Rule BELOW_HALF = new Rule(0.25, v -> v >= 0 && v < 0.5);
  private static final Rule FROM_ONE_OR_OFF = new Rule(2, v -> v >= 1);
  private static final Rule FROM_ONE = new Rule(2, v -> v >= 1 && Double.isFinite(v));
  private static final Rule ZERO_OR_FROM_ONE =
      new Rule(0, v -> v == 0 || v >= 1 && Double.isFinite(v));
  // Beside the good one of the other bound.
  private static final Rule LOWER = new Rule(0.25, v -> v <= 1 && Double.isFinite(v));
  private static final Rule UPPER = new Rule(1, v -> v >= 0.25 && Double.isFinite(v));

  /** By class (the kernels' without "Kernel") and method: the rules of its numbers, in order. */
  private static final Map<String, List<Rule>> RULES = new TreeMap<>();

  /** By the same: the name in the refusal, where it is not the method's. */
  private static final Map<String, String> NAMES =
      Map.of(
          "PairLoss.cdpo", "labelSmoothing",
          "PairLoss.robust", "labelSmoothing",
          "PairLoss.cpo", "likelihoodWeight",
          "PairLoss.alphaPo", "alpha",
          "PolicyLoss.drGrpo", "maxCompletionLength",
          "MdpoLoss.weights", "weight",
          "Pgd.fgsm", "epsilon",
          "GaussianNoise.ofDeviation", "deviation",
          "GaussianNoise.diffusion", "step",
          "PixelSpace.normalized", "");

  private static void rule(String methods, Rule... rules) {
    for (String method : methods.split(" ")) {
      RULES.put(method, List.of(rules));
    }
  }

  static {
    rule("PolicyLossSettings.epsilon", NOT_NEGATIVE, NOT_NEGATIVE_OR_OFF);
    rule("PolicyLossSettings.dualClip", FROM_ONE_OR_OFF);
    rule("PolicyLossSettings.sapoTemperatures", POSITIVE, POSITIVE);
    rule(
        "PolicyLossSettings.vespoPositive PolicyLossSettings.vespoNegative",
        NOT_NEGATIVE,
        POSITIVE);
    rule("PolicyLossSettings.klBeta PolicyLossSettings.totalTokens", NOT_NEGATIVE);
    rule("PolicyLossSettings.totalSequences PolicyLossSettings.totalKeptTokens", NOT_NEGATIVE);
    rule("PolicyLossSettings.negativeLogProbFloor", NOT_POSITIVE_OR_OFF);
    rule("PolicyLossSettings.entropyCoefficient", FINITE);
    rule("PolicyLossSettings.offPolicyThreshold", NUMBER);
    rule(
        "PolicyLossSettings.samplerLimits",
        new Rule(0.25, v -> v >= 0 && v < 1),
        new Rule(1, v -> v > 0.25));
    rule("PolicyLossSettings.maxCompletionLength", ZERO_OR_FROM_ONE);
    rule("PolicyLoss.drGrpo", FROM_ONE);
    rule("PairLossSettings.beta PairLossSettings.discopopTau UnpairedLossSettings.beta", POSITIVE);
    rule("PairLossSettings.labelSmoothing PairLoss.cdpo PairLoss.robust", BELOW_HALF);
    rule("PairLossSettings.ldAlpha", SHARE);
    rule("PairLossSettings.alphaDivergence PairLossSettings.simpoGamma", FINITE);
    rule("PairLossSettings.simpoAlpha PairLoss.cpo PairLoss.alphaPo PairTerm.weight", FINITE);
    rule("UnpairedLossSettings.labelWeights", FINITE, FINITE);
    rule("MdpoLoss.beta", POSITIVE);
    rule("MdpoLoss.weights", FINITE, FINITE, FINITE);
    rule("GroupAdvantage.ddof", new Rule(1, v -> v == 0 || v == 1));
    rule("GroupAdvantage.epsilon GroupAdvantage.varianceEpsilon", NOT_NEGATIVE);
    rule("GroupAdvantage.groupSize InputDiversity.step Draw.step", new Rule(1, v -> v >= 0));
    rule("GroupAdvantage.weights", FINITE);
    rule("TokenLogProbsOptions.temperature TokenLogProbs.temperature", INVERTIBLE);
    rule("TokenLogProbsOptions.logitScale TokenLogProbs.logitScale", POSITIVE);
    rule(
        "TokenLogProbsOptions.softCap TokenLogProbs.softCap FusedLinear.softCap",
        new Rule(0.25, v -> v == 0 || INVERTIBLE.allows().test(v)));
    rule("TokenLogProbsOptions.ignoreIndex TokenLogProbs.ignoreIndex FusedLinear.ignoreIndex", ANY);
    rule("FusedLinear.temperature", INVERTIBLE);
    rule("FusedLinear.logitScale", POSITIVE);
    rule("FusedLinear.logitBudget", new Rule(100, v -> v >= 12));
    rule("Pgd.epsilon Pgd.fgsm Pgd.stepSize Pgd.momentum Apgd.epsilon", NOT_NEGATIVE);
    rule("Pgd.steps Apgd.steps", new Rule(1, v -> v >= 0));
    rule("Pgd.samples Apgd.samples", new Rule(1, v -> v >= 1));
    rule("Pgd.variance", new Rule(1, v -> v >= 0), NOT_NEGATIVE);
    rule("Pgd.seed Apgd.seed UniformStart.seed UniformStart.stream GaussianNoise.seed", ANY);
    rule("GaussianNoise.stream InputDiversity.seed InputDiversity.stream Draw.seed", ANY);
    rule("Pgd.bounds Apgd.bounds LinfStep.bounds L2Step.bounds", LOWER, UPPER);
    rule("UniformStart.bounds EightBitGrid.bounds", LOWER, UPPER);
    rule("GaussianNoise.bounds", new Rule(0.25, v -> v <= 1), new Rule(1, v -> v >= 0.25));
    rule("LinfStep.epsilon LinfStep.stepSize LinfStep.momentumDecay L2Step.epsilon", NOT_NEGATIVE);
    rule("L2Step.stepSize UniformStart.epsilon GaussianNoise.ofDeviation", NOT_NEGATIVE);
    rule("EightBitGrid.epsilon", NOT_NEGATIVE_OR_OFF);
    rule("LinfStep.blend InputDiversity.probability", SHARE);
    rule("InputDiversity.resizeRate", POSITIVE_SHARE);
    rule("GaussianNoise.signal", FINITE);
    rule("GaussianNoise.diffusion", new Rule(500, v -> v >= 0 && v <= 999));
    rule("TranslationInvariance.length", new Rule(3, v -> v >= 1 && v <= 31 && v % 2 == 1));
    rule("TranslationInvariance.deviations", new Rule(3, v -> v > 0 && v <= 12));
    rule("PixelSpace.normalized", FINITE, POSITIVE);
    rule("PixelSpace.copies", new Rule(1, v -> v >= 1));
  }

  /** Takes numbers, but as sizes of memory or results of a call, which their own tests look at. */
  private static final Set<String> NO_OPTIONS =
      Set.of(
          "AdvantageMetrics",
          "Function",
          "PairMetrics",
          "PolicyMetrics",
          "UnpairedMetrics",
          "PixelBatch",
          "Device",
          "Launch",
          "TensorView",
          "CudaStream",
          "CudaEvent");

  private static final List<Supplier<?>> OBJECTS =
      List.of(
          PolicyLoss::grpo,
          PolicyLossKernel::grpo,
          PairLoss::sigmoid,
          PairLossKernel::sigmoid,
          UnpairedLoss::kto,
          UnpairedLossKernel::kto,
          MdpoLoss::mdpo,
          GroupAdvantage::trl,
          GroupAdvantageKernel::trl,
          TokenLogProbsOptions::defaults,
          TokenLogProbsKernel::defaults,
          () -> FusedLinear.head(torch.ones(3, 2)),
          Pgd::linf,
          Apgd::linf,
          LinfStep::defaults,
          LinfStepKernel::defaults,
          L2Step::defaults,
          L2StepKernel::defaults,
          UniformStart::defaults,
          UniformStartKernel::defaults,
          EightBitGrid::defaults,
          EightBitGridKernel::defaults,
          () -> GaussianNoise.ofDeviation(0.1),
          () -> GaussianNoiseKernel.ofDeviation(0.1),
          InputDiversity::defaults,
          InputDiversityKernel::defaults,
          TranslationInvariance::defaults,
          TranslationInvarianceKernel::defaults,
          () -> PixelSpace.IDENTITY);

  private static final double[] REALS = {
    Double.NaN,
    Double.POSITIVE_INFINITY,
    Double.NEGATIVE_INFINITY,
    -1,
    0,
    0.25,
    1,
    2,
    13,
    1e300,
    1e-45
  };
  private static final long[] INTEGERS = {-1, 0, 1, 2, 3, 40, 1000, Integer.MIN_VALUE};

  private static boolean isNumber(Class<?> type) {
    Class<?> element = type.isArray() ? type.getComponentType() : type;
    return element == double.class
        || element == float.class
        || element == int.class
        || element == long.class;
  }

  /** The public classes beside one, and those inside of them. */
  private static List<Class<?>> classesBeside(Class<?> one)
      throws IOException, URISyntaxException, ClassNotFoundException {
    Path place = Path.of(one.getProtectionDomain().getCodeSource().getLocation().toURI());
    String folder = one.getPackageName().replace('.', '/');
    List<String> names;
    if (Files.isDirectory(place)) {
      names = names(place.resolve(folder));
    } else {
      try (FileSystem jar = FileSystems.newFileSystem(place)) {
        names = names(jar.getPath("/").resolve(folder));
      }
    }
    List<Class<?>> classes = new ArrayList<>();
    for (String name : names) {
      // Not initialised: some that are not public need a CUDA that is not there.
      Class<?> found =
          Class.forName(one.getPackageName() + "." + name, false, one.getClassLoader());
      if (Modifier.isPublic(found.getModifiers())) {
        classes.add(found);
      }
    }
    return classes;
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".class") && !name.equals("package-info.class"))
          .map(name -> name.substring(0, name.length() - ".class".length()))
          .sorted()
          .toList();
    }
  }

  /**
   * Setters and factories of a class, and a record's constructor, with numbers among the values.
   */
  private static List<Executable> setters(Class<?> of) {
    List<Executable> found = new ArrayList<>();
    for (Method method : of.getMethods()) {
      boolean fluent =
          method.getReturnType() != Object.class && method.getReturnType().isAssignableFrom(of);
      if (fluent && !method.isBridge() && !of.isInterface()) {
        found.add(method);
      }
    }
    if (of.isRecord()) {
      found.addAll(List.of(of.getConstructors()));
    }
    found.removeIf(each -> Arrays.stream(each.getParameterTypes()).noneMatch(p -> isNumber(p)));
    return found;
  }

  private static String key(Executable setter) {
    return setter.getDeclaringClass().getSimpleName().replaceAll("Kernel$", "")
        + "."
        + setter.getName();
  }

  private static Object value(Class<?> type, double number) {
    if (type.isArray()) {
      Object array = Array.newInstance(type.getComponentType(), 1);
      Array.set(array, 0, value(type.getComponentType(), number));
      return array;
    }
    if (type == int.class) {
      return (int) number;
    }
    if (type == long.class) {
      return (long) number;
    }
    return type == float.class ? (Object) (float) number : (Object) number;
  }

  private static Object anyOf(Class<?> type) {
    if (type == boolean.class) {
      return false;
    }
    return type.isEnum() ? type.getEnumConstants()[0] : null;
  }

  private static boolean holdsFloats(Executable setter) {
    // Image ops and token log-probs hold their numbers in f32, where 1e300 is infinite.
    String of = setter.getDeclaringClass().getSimpleName();
    return !of.matches("(Policy|Pair|Unpaired)Loss.*|PairTerm|MdpoLoss|GroupAdvantage.*|Pgd|Apgd")
        && !of.startsWith("InputDiversity");
  }

  private static Throwable call(Executable setter, Object on, Object[] values)
      throws ReflectiveOperationException {
    Object made;
    try (PointerScope scope = new PointerScope()) {
      made =
          setter instanceof Constructor<?> constructor
              ? constructor.newInstance(values)
              : ((Method) setter).invoke(on, values);
    } catch (InvocationTargetException e) {
      return e.getCause();
    }
    assertTrue(survives(made), setter + ": its native options died with the scope");
    return null;
  }

  /** Whether the native record of options, where there is one, is still there. */
  private static boolean survives(Object made) throws ReflectiveOperationException {
    for (Method method : made.getClass().getMethods()) {
      if (method.getParameterCount() > 0 || !method.getName().matches("abi|options")) {
        continue;
      }
      Object held = method.invoke(made);
      return held instanceof Pointer pointer ? !pointer.isNull() : survives(held);
    }
    return true;
  }

  private static void probe(String key, String name, Executable setter, Object on, List<Rule> rules)
      throws ReflectiveOperationException {
    Class<?>[] types = setter.getParameterTypes();
    Object[] good = new Object[types.length];
    int[] ruleOf = new int[types.length];
    int numbers = 0;
    for (int i = 0; i < types.length; i++) {
      ruleOf[i] = isNumber(types[i]) ? numbers++ : -1;
      assertTrue(numbers <= rules.size(), key + " has " + rules.size() + " rules");
      good[i] = ruleOf[i] < 0 ? anyOf(types[i]) : value(types[i], rules.get(ruleOf[i]).good());
    }
    assertEquals(rules.size(), numbers, key);
    for (int i = 0; i < types.length; i++) {
      if (ruleOf[i] < 0) {
        continue;
      }
      Class<?> element = types[i].isArray() ? types[i].getComponentType() : types[i];
      boolean real = element == double.class || element == float.class;
      double[] tried = real ? REALS : Arrays.stream(INTEGERS).mapToDouble(v -> v).toArray();
      for (double v : tried) {
        double held = real && holdsFloats(setter) ? (float) v : v;
        Object[] values = good.clone();
        values[i] = value(types[i], v);
        String what = key + " with " + v + " as number " + ruleOf[i];
        Throwable refusal = call(setter, on, values);
        if (rules.get(ruleOf[i]).allows().test(held)) {
          assertEquals(null, refusal, what);
          continue;
        }
        assertNotNull(refusal, what + " is taken");
        assertEquals(IllegalArgumentException.class, refusal.getClass(), what + ": " + refusal);
        String shown = real ? Double.toString(held) : Long.toString((long) v);
        String text = refusal.getMessage();
        assertTrue(text.contains(name), what + ": expected '" + name + "' in: " + text);
        assertTrue(
            Stream.of(shown, Double.toString(v), Float.toString((float) v))
                .anyMatch(text::contains),
            what + ": " + text);
      }
    }
  }

  @Test
  void numbersThatCanNeverBeValidAreRefusedWhereTheyAreSet() throws Exception {
    try (PointerScope scope = new PointerScope()) {
      Map<Class<?>, Object> objects = new java.util.HashMap<>();
      for (Supplier<?> object : OBJECTS) {
        Object made = object.get();
        objects.put(made.getClass(), made);
      }
      Set<String> unused = new TreeSet<>(RULES.keySet());
      List<Class<?>> classes = new ArrayList<>(classesBeside(Pgd.class));
      classes.addAll(classesBeside(PolicyLossKernel.class));
      for (Class<?> each : classes) {
        if (NO_OPTIONS.contains(each.getSimpleName()) || Modifier.isAbstract(each.getModifiers())) {
          continue;
        }
        for (Executable setter : setters(each)) {
          String key = key(setter);
          boolean component = setter instanceof Constructor<?>;
          List<Rule> rules = new ArrayList<>();
          if (component) {
            for (var part : each.getRecordComponents()) {
              String own = each.getSimpleName() + "." + part.getName();
              if (isNumber(part.getType()) && RULES.containsKey(own)) {
                rules.addAll(RULES.get(own));
                unused.remove(own);
              }
            }
          } else if (RULES.containsKey(key)) {
            rules.addAll(RULES.get(key));
            unused.remove(key);
          }
          if (rules.isEmpty()) {
            fail(key + " takes a number without a rule in this test");
          }
          boolean bound = component || Modifier.isStatic(setter.getModifiers());
          Object on = bound ? null : objects.get(each);
          assertTrue(bound || on != null, "no object of " + each + " in this test");
          String name = component ? "" : NAMES.getOrDefault(key, setter.getName());
          probe(key, name, setter, on, rules);
        }
      }
      assertEquals(Set.of(), unused, "rules of setters that are not there");
    }
  }
}
