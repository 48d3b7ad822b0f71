package org.equipoise.mbpo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class CsvTextTest {
  @Test
  void aFormulaGetsAnApostropheAndANumberNone() {
    for (String formula :
        new String[] {"=1", "+x", "-x", "@x", "\t=1", " =1", "\n=1", "＝1", "- 1"}) {
      assertEquals("'" + formula, CsvText.format(formula));
      assertEquals(formula, CsvText.parse(CsvText.format(formula)));
    }
    for (String plain : new String[] {"", "a=1", "-0.5", "+1e-3", "-.5", "1", "−0.5", "a-b"}) {
      assertEquals(plain, CsvText.format(plain));
      assertEquals(plain, CsvText.parse(plain));
    }
    assertEquals("''x", CsvText.format("'x"));
    assertEquals("\\u000d=1", CsvText.format("\r=1"));
  }

  @Test
  void cellsAreQuotedWhereTheyMustBe() {
    assertEquals("loss", CsvText.cell("loss"));
    assertEquals("\"a,b\"", CsvText.cell("a,b"));
    assertEquals("\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"", CsvText.cell("=HYPERLINK(\"x\",\"y\")"));
    assertEquals("\"a\nb\"", CsvText.cell("a\nb"));
  }
}
