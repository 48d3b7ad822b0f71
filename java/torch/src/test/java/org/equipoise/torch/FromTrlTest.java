package org.equipoise.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.equipoise.kernels.PairBatch;
import org.equipoise.kernels.PairTerm;
import org.equipoise.kernels.PolicyBatch;
import org.equipoise.kernels.PolicyImportance;
import org.equipoise.kernels.UnpairedBatch;
import org.junit.jupiter.api.Test;

/** The page of TRL's options names methods that exist. */
class FromTrlTest {
  private static final Map<String, Class<?>> CLASSES =
      Stream.of(
              PairLoss.class,
              UnpairedLoss.class,
              PolicyLoss.class,
              GroupAdvantage.class,
              EntropyThreshold.class,
              WpoWeights.class,
              DensityRatioWeights.class,
              FusedLinear.class,
              PairBatch.class,
              PolicyBatch.class,
              UnpairedBatch.class,
              PairTerm.class,
              PolicyImportance.class)
          .collect(Collectors.toMap(Class::getSimpleName, Function.identity()));

  private static boolean has(Class<?> type, String method) {
    return Arrays.stream(type.getMethods()).anyMatch(m -> m.getName().equals(method));
  }

  @Test
  void everyMethodOnThePageExists() throws IOException {
    List<String> lines = Files.readAllLines(Path.of("families", "from-trl.md"));
    TreeSet<String> missing = new TreeSet<>();
    int looked = 0;
    Pattern call = Pattern.compile("(?:([A-Z]\\w*)\\.|[.`])([a-z]\\w*)\\(");
    for (String line : lines) {
      String[] cells = line.split(" \\| ");
      if (!line.startsWith("|") || cells.length < 2) {
        continue;
      }
      Matcher found = call.matcher(cells[1]);
      while (found.find()) {
        String type = found.group(1);
        String method = found.group(2);
        boolean there =
            type == null
                ? CLASSES.values().stream().anyMatch(each -> has(each, method))
                : CLASSES.containsKey(type) && has(CLASSES.get(type), method);
        looked++;
        if (!there) {
          missing.add((type == null ? "" : type) + "." + method);
        }
      }
    }
    assertEquals(new TreeSet<String>(), missing);
    assertTrue(looked > 25, "calls on the page: " + looked);
  }
}
