package org.equipoise.mbpo.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class MarkdownTableTest {
  @Test
  void showsHeadlineMetricsWithMarks() {
    assertEquals(
        """
        **Trained \\| pairs**

        | Method | AUC, trap questions ↑ | CHAIR s ↓ | Caption recall ↑ |
        |---|--:|--:|--:|
        | start | 0.838 | 0.623 | 0.731 |
        | start + blind-contrast decoding | 0.845 ≈ | 0.474 ▲ | 0.780 ▲ |
        | SFT on the same gold answers | 0.934 ▲ | 0.183 ▲ | 0.907 ▲ |
        | DPO | 0.923 ▲ | 0.322 ▲ | 0.811 ▲ |
        | **MBPO** | 0.944 ▲ | 0.245 ▲ | 0.746 ≈ |

        Best of 5 methods: SFT on the same gold answers in CHAIR s and Caption recall; MBPO in AUC, trap questions.

        ↑ higher is better, ↓ lower is better. Against start: ▲ better, ▼ worse, ≈ no clear difference\
         (95 % interval of the paired difference). 1000 items a split, one seed; bootstrap over items.
        """,
        MarkdownTable.render(SampleReport.table("Trained | pairs")));
  }

  @Test
  void foreignTextsAreTexts() {
    assertEquals(
        "\\[a\\](javascript:b) !\\[c\\](d) &lt;img src=x&gt; \\`e\\` \\*f\\* \\_g\\_ x_y \\|h\\|"
            + " \\~i\\~ \\$j\\$ &amp;lt; # k \\\\l http\\://m www\\.n &lt;!-- end of results --&gt;"
            + " \\\\u001b\\[2J",
        MarkdownTable.escape(
            "[a](javascript:b) ![c](d) <img src=x> `e` *f* _g_ x_y |h| ~i~ $j$ &lt;\n"
                + "# k \\l http://m www.n <!-- end of results --> \u001b[2J"));
    String table = MarkdownTable.render(SampleReport.table("=x\n\n# y\n- z".repeat(100_000)));
    assertTrue(table.startsWith("**=x  # y - z=x") && table.length() < 4000, table);
  }
}
