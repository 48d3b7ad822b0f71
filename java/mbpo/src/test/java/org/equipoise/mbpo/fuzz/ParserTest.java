package org.equipoise.mbpo.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ParserTest {
  @Test
  void everyParserHasAFuzzTestAndInputs() {
    Set<String> tests =
        Stream.of(ParserFuzzTest.class.getDeclaredMethods())
            .filter(method -> method.isAnnotationPresent(FuzzTest.class))
            .map(method -> method.getName())
            .collect(Collectors.toCollection(TreeSet::new));
    Set<String> expected = new TreeSet<>(Set.of("all"));
    Arrays.stream(Parser.values()).map(Parser::test).forEach(expected::add);
    assertEquals(expected, tests);
    for (Parser parser : Parser.values()) {
      assertFalse(Inputs.of(parser).isEmpty(), parser.test() + " has inputs");
    }
  }
}
