package org.equipoise.mbpo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.equipoise.mbpo.model.Prompt;
import org.equipoise.mbpo.model.Prompt.Role;
import org.equipoise.mbpo.model.Prompt.Turn;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Samples in the layouts that other projects publish, with contents of our own. */
class SampleFileTest {
  @TempDir Path folder;

  private List<Sample> read(String text) throws IOException {
    return SampleFile.read(Files.writeString(folder.resolve("data.json"), text));
  }

  private Sample only(String text) throws IOException {
    List<Sample> samples = read(text);
    assertEquals(1, samples.size());
    return samples.get(0);
  }

  private void refused(String text, String... parts) throws IOException {
    String message = assertThrows(IllegalArgumentException.class, () -> read(text)).getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), "\"" + message + "\" says " + part);
    }
    assertFalse(message.contains("REDACTED") || message.contains("Feature."), message);
    assertTrue(message.length() < 700, message.length() + " characters: " + message);
  }

  private List<String> images(Sample sample) {
    return sample.images().stream()
        .map(image -> folder.toAbsolutePath().relativize(image.path().orElseThrow()).toString())
        .toList();
  }

  private static Turn user(String... pieces) {
    return new Turn(Role.USER, List.of(pieces));
  }

  private static Turn assistant(String text) {
    return Turn.of(Role.ASSISTANT, text);
  }

  private static final String ROW =
      "{\"image\": \"a.png\", \"question\": \"q\", \"answer\": \"a\"}";

  @Test
  void linesWithAndWithoutTheLastLineFeedAndAList() throws IOException {
    for (String text :
        List.of(
            ROW + "\n" + ROW + "\n",
            ROW + "\n" + ROW,
            ROW + "\r\n" + ROW,
            "\uFEFF" + ROW + "\n\n" + ROW,
            "[" + ROW + "," + ROW + "]",
            "\uFEFF [\n  " + ROW + ",\n  " + ROW + "\n]\n")) {
      List<Sample> samples = read(text);
      assertEquals(List.of("data-1", "data-2"), samples.stream().map(Sample::id).toList(), text);
      assertEquals(List.of("a.png"), images(samples.get(1)));
    }
  }

  @Test
  void everyErrorNamesTheLine() throws IOException {
    refused(
        ROW + "\n{\"image\": \"a.png\", \"question\": \"q", "data.json:2: the last line is cut");
    refused(
        ROW + "\n{\"image\": \n" + ROW, "data.json:2: expected a JSON object, found: Unexpected");
    refused(ROW + ROW + "\n" + ROW, "data.json:1: expected a JSON object, found: Trailing token");
    refused("[\n" + ROW + ",\n{\"image\": 7}\n]", "data.json:3: ");
    refused("[\n" + ROW + ",\n7\n]", "data.json:3: expected a JSON object, found number");
    refused("[\n" + ROW + "\n" + ROW + "]", "data.json:3: expected a list of JSON objects");
    refused("[\n" + ROW + ",\n", "data.json:", "expected a list of JSON objects");
    refused("[" + ROW + "]\n" + ROW, "data.json:2: expected the end of the file behind the list");
    refused(ROW.replace("{", "{\"score\": NaN, "), "data.json:1: ", "NaN");
    refused(ROW.replace("}", ", \"answer\": \"b\"}"), "data.json:1: ", "Duplicate field 'answer'");
    refused("{\n  \"image\": \"a.png\"\n}\n", "data.json:1: expected a JSON object, found: ");
  }

  @Test
  void latinTextIsRefusedByLine() throws IOException {
    byte[] bytes = (ROW + "\n" + ROW.replace("q", "größer")).getBytes(StandardCharsets.ISO_8859_1);
    Path file = Files.write(folder.resolve("latin.jsonl"), bytes);
    String message =
        assertThrows(IllegalArgumentException.class, () -> SampleFile.read(file)).getMessage();
    assertTrue(message.startsWith(file + ":2: expected UTF-8 text, found the byte 0xF6"), message);
  }

  @Test
  void ourOwnRows() throws IOException {
    Sample sample =
        only(
            "{\"id\": 42, \"image\": [\"a.png\", \"b.png\"], \"question\": \"which ?\", \"answer\":"
                + " \"B\", \"options\": {\"B\": \"dog\", \"A\": \"cat\", \"C\": null}}");
    assertEquals("42", sample.id());
    assertEquals(List.of("a.png", "b.png"), images(sample));
    assertEquals(List.of("cat", "dog"), sample.options());
    assertEquals("multiple-choice", sample.kind());
    assertEquals(Prompt.of(2, "which ?"), sample.prompt());
    Sample text = only("{\"question\": \" 2 + 2 ?\", \"answer\": \"4\", \"image\": null}");
    assertEquals(Prompt.of(0, " 2 + 2 ?"), text.prompt());
    refused("{\"question\": \"q\", \"answer\": \"a\", \"img_path\": \"a.png\"}", "\"img_path\"");
    refused(ROW.replace("}", ", \"options\": {\"x\": \"cat\"}}"), "options", "A, B, C");
    refused(ROW.replace("\"a\"", "\"  \""), "expected an answer, found an empty text");
    refused("{\"prompt_text\": \"q\", \"reply\": \"a\"}", "prompt_text, reply", "conversations");
  }

  @Test
  void idsOfAnyLettersAndLength() throws IOException {
    String longId = "päth/to a \"file\".jpg ".repeat(40).strip();
    String escaped = longId.replace("\"", "\\\"");
    Sample sample = only(ROW.replace("{", "{\"id\": \"" + escaped + "\", "));
    assertEquals(longId, sample.id());
    String twice = ROW.replace("{", "{\"id\": \"" + escaped + "\", ");
    refused(twice + "\n" + twice, "was already used by record 1");
  }

  /** As llava_instruct_150k.json and llava_v1_5_mix665k.json are laid out. */
  @Test
  void llavasConversations() throws IOException {
    List<Sample> samples =
        read(
            """
            [
              {
                "id": "000000000007",
                "image": "train2017/a.jpg",
                "conversations": [
                  {"from": "human", "value": "What is on the desk?\\n<image>"},
                  {"from": "gpt", "value": "A lamp."},
                  {"from": "human", "value": "Is it lit?"},
                  {"from": "gpt", "value": "Yes, it is. "}
                ]
              },
              {
                "id": "Xy12_0",
                "conversations": [
                  {"from": "human", "value": "Say hello."},
                  {"from": "gpt", "value": "Hello."}
                ]
              }
            ]
            """);
    assertEquals(
        List.of("000000000007", "000000000007#2", "Xy12_0"),
        samples.stream().map(Sample::id).toList());
    Turn first = user("What is on the desk?", "");
    assertEquals(new Prompt(List.of(first)), samples.get(0).prompt());
    assertEquals(
        new Prompt(List.of(first, assistant("A lamp."), user("Is it lit?"))),
        samples.get(1).prompt());
    assertEquals("Yes, it is.", samples.get(1).answer());
    assertEquals(List.of("train2017/a.jpg"), images(samples.get(1)));
    assertEquals(0, samples.get(2).images().size());
  }

  private static String llava(String image, String... values) {
    List<String> turns = new ArrayList<>();
    for (int i = 0; i < values.length; i++) {
      String from = i % 2 == 0 ? "human" : "gpt";
      turns.add("{\"from\": \"" + from + "\", \"value\": \"" + values[i] + "\"}");
    }
    return "{\"id\": \"1\", " + image + "\"conversations\": [" + String.join(", ", turns) + "]}";
  }

  @Test
  void marksArePlacesAndAreCounted() throws IOException {
    String one = "\"image\": \"a.png\", ";
    String two = "\"image\": [\"a.png\", \"b.png\"], ";
    assertEquals(Prompt.of(1, "What?"), only(llava(one, "<image>\\nWhat?", "A.")).prompt());
    assertEquals(Prompt.of(1, "What?"), only(llava(one, " What? ", "A.")).prompt());
    assertEquals(
        Prompt.of(2, "Same?"), only(llava(two, "<image> <image>\\n Same? ", "No.")).prompt());
    assertEquals(
        new Prompt(List.of(user("Is ", " before ", " ?"))),
        only(llava(two, "Is <image> before <image> ?", "No.")).prompt());
    List<Sample> later = read(llava(two, "<image>\\nWhat?", "A.", "And <image>?", "B."));
    assertEquals(List.of("a.png"), images(later.get(0)));
    assertEquals(List.of("a.png", "b.png"), images(later.get(1)));

    refused(llava(one, "<image><image>\\nWhat?", "A."), "data.json:1", "found 1 and 2");
    refused(llava(two, "<image>\\nWhat?", "A."), "data.json:1", "found 2 and 1");
    refused(llava("", "<image>\\nWhat?", "A."), "data.json:1", "found 0 and 1");
    refused(llava(one, "What?", "<image> A."), "an answer");
    refused(llava(one, "<image>\\nWhat?"), "none to the last one");
    refused(llava(one, "<image>\\nWhat?", "A.", "More?"), "none to the last one");
    refused(llava(one, "<image>\\nWhat?", ""), "empty text");
    refused(llava(one).replace("[]", "[{\"from\": \"gpt\", \"value\": \"a\"}]"), "assistant");
    refused(
        llava(one, "<image>\\nWhat?", "A.").replace("\"gpt\"", "\"function_call\""),
        "conversations[1].from",
        "function_call");
  }

  /** As LLaMA-Factory's data/mllm_demo.json and ms-swift's JSON Lines are laid out. */
  @Test
  void messagesWithTexts() throws IOException {
    List<Sample> samples =
        read(
            """
            [
              {
                "messages": [
                  {"content": "<image>What is it?", "role": "user"},
                  {"content": "A bridge.", "role": "assistant"},
                  {"content": "How long is it?", "role": "user"},
                  {"content": "About a mile.", "role": "assistant"}
                ],
                "images": ["demo/1.jpg"]
              },
              {"messages": [
                 {"role": "system", "content": "Answer in one word."},
                 {"role": "user", "content": "<image><image>What is new?"},
                 {"role": "assistant", "content": "Snow"}],
               "images": ["/x/a.jpg", "b.jpg"]}
            ]
            """);
    assertEquals(3, samples.size());
    assertEquals(
        new Prompt(
            List.of(user("", "What is it?"), assistant("A bridge."), user("How long is it?"))),
        samples.get(1).prompt());
    assertEquals(
        new Prompt(
            List.of(Turn.of(Role.SYSTEM, "Answer in one word."), user("", "", "What is new?"))),
        samples.get(2).prompt());
    assertEquals("/x/a.jpg", samples.get(2).images().get(0).toString());
  }

  /** As TRL's and Hugging Face's data sets are laid out; missing fields of parts are null. */
  @Test
  void messagesWithParts() throws IOException {
    Sample sample =
        only(
            """
            {"messages": [{"role": "user", "content": [{"type": "image", "text": null}, \
            {"type": "text", "text": "What is it? "}]}, {"role": "assistant", "content": \
            [{"type": "text", "text": "A <image> tag"}]}], "images": [{"bytes": null, "path": "a.png"}]}
            """);
    assertEquals(new Prompt(List.of(user("", "What is it? "))), sample.prompt());
    assertEquals("A <image> tag", sample.answer());
    assertEquals(List.of("a.png"), images(sample));
    Sample inline =
        only(
            """
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "See "}, \
            {"type": "image", "image": "file:///x/a.png"}]}, {"role": "assistant", "content": "no"}]}
            """);
    assertEquals("/x/a.png", inline.images().get(0).toString());
    assertEquals(new Prompt(List.of(user("See ", ""))), inline.prompt());
    String base64 = "iVBORw0KGgo".repeat(2400);
    refused(
        "{\"image\": {\"bytes\": \""
            + base64
            + "\", \"path\": null}, \"question\": \"q\","
            + " \"answer\": \"a\"}",
        "field \"image\"",
        "images in rows are not read",
        "characters)");
    refused(ROW.replace("a.png", "data:image/png;base64," + base64), "images in rows are not read");
    refused(ROW.replace("a.png", "https://example.org/a.png"), "nothing is fetched");
    refused(
        "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"video\"}]}]}",
        "messages[0].content[0].type",
        "\"video\"");
    refused(
        "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"tool\","
            + " \"content\": \"a\"}]}",
        "messages[1].role",
        "\"tool\"");
  }

  /** Fields of other tools that change what a row means are refused, not passed over. */
  @Test
  void whatWouldChangeTheMeaningIsRefused() throws IOException {
    String row =
        "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\","
            + " \"content\": \"a\"}]}";
    assertEquals("a", only(row).answer());
    refused(row.replace("]}", "], \"label\": false}"), "field \"label\"", "found false");
    refused(row.replace("]}", "], \"kto_tag\": true}"), "field \"kto_tag\"");
    refused(row.replace("]}", "], \"objects\": {\"bbox\": [[1, 2]]}}"), "field \"objects\"");
    refused(row.replace("]}", "], \"tools\": \"[]\"}"), "field \"tools\"");
    refused(row.replace("\"a\"", "\"a\", \"loss\": false"), "messages[1].loss");
    refused(row.replace("\"a\"", "\"a\", \"weight\": 0"), "messages[1].weight");
    refused(row.replace("\"a\"", "\"a\", \"tool_calls\": [{}]"), "messages[1].tool_calls");
  }

  @Test
  void promptsInstructionsAndQueries() throws IOException {
    Sample completion =
        only(
            "{\"prompt\": [{\"role\": \"user\", \"content\": \"q\"}], \"completion\": [{\"role\":"
                + " \"assistant\", \"content\": \"a\"}], \"image\": \"a.png\"}");
    assertEquals(Prompt.of(1, "q"), completion.prompt());
    assertEquals(
        Prompt.of(1, "Describe it.\nBriefly."),
        only("{\"instruction\": \"<image>Describe it.\", \"input\": \"Briefly.\", \"output\":"
                + " \"a\", \"images\": [\"a.png\"]}")
            .prompt());
    Sample system =
        only(
            "{\"system_prompt\": \"Be short.\", \"conversations\": [{\"from\": \"human\","
                + " \"value\": \"q\"}, {\"from\": \"gpt\", \"value\": \"a\"}]}");
    assertEquals(
        new Prompt(List.of(Turn.of(Role.SYSTEM, "Be short."), user("q"))), system.prompt());
    List<Sample> history =
        read("{\"query\": \"q2\", \"response\": \"a2\", \"history\": [[\"q1\", \"a1\"]]}");
    assertEquals(List.of("a1", "a2"), history.stream().map(Sample::answer).toList());
  }

  @Test
  void whatIsWrittenIsReadAgain() throws IOException {
    List<Sample> samples =
        new ArrayList<>(read(llava("\"image\": \"a.png\", ", "See <image> ?", "A.", "B?", "C.")));
    samples.add(only(ROW).withImages(List.of()));
    Path file = folder.resolve("written.jsonl");
    SampleFile.write(file, samples);
    List<Sample> again = SampleFile.read(file);
    assertEquals(3, again.size());
    for (int i = 0; i < 3; i++) {
      assertEquals(samples.get(i).id(), again.get(i).id());
      assertEquals(samples.get(i).prompt(), again.get(i).prompt());
      assertEquals(samples.get(i).answer(), again.get(i).answer());
      assertEquals(images(samples.get(i)), images(again.get(i)));
    }
  }

  @Test
  void badRowsAreHandedOverAndTheOthersRead() throws IOException {
    byte[] latin = "{\"question\": \"größer\"}\n".getBytes(StandardCharsets.ISO_8859_1);
    byte[] text = (ROW + "\n{\"id\": \"x\", \"question\": 7}\n{oops\n").getBytes();
    byte[] all = new byte[latin.length + text.length];
    System.arraycopy(latin, 0, all, 0, latin.length);
    System.arraycopy(text, 0, all, latin.length, text.length);
    Path file = Files.write(folder.resolve("mixed.jsonl"), all);
    List<BadRow> bad = new ArrayList<>();
    List<Row<Sample>> rows = SampleFile.rows(file, DataLimits.defaults(), bad::add);
    assertEquals(List.of(2), rows.stream().map(Row::line).toList());
    assertEquals(List.of(1, 3, 4), bad.stream().map(BadRow::line).toList());
    assertEquals("x", bad.get(1).id());
  }

  /** What the README shows is what is read. */
  @Test
  void theReadmesRows() throws IOException {
    String readme = Files.readString(Path.of("README.md"));
    String rows = readme.substring(readme.indexOf("{\"image\": \"dog.jpg\""));
    List<Sample> samples = read(rows.substring(0, rows.indexOf("```")));
    assertEquals(
        List.of(1, 1, 2, 0), samples.stream().map(sample -> sample.images().size()).toList());
  }
}
