package org.equipoise.mbpo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PopeFileTest {
  @TempDir Path folder;

  private List<Sample> read(String text) throws IOException {
    return PopeFile.read(Files.writeString(folder.resolve("pope.json"), text), folder);
  }

  private void assertQuestion(Sample sample, String id, String image, String answer) {
    assertEquals(id, sample.id());
    assertEquals(folder.resolve(image), sample.image().path().orElseThrow());
    assertEquals("Is there a kite?", sample.question());
    assertEquals(answer, sample.answer());
  }

  /** As coco_pope_random.json, LLaVA's copy and Hugging Face's copy are laid out. */
  @Test
  void linesOfTheFormsInUse() throws IOException {
    List<Sample> samples =
        read(
            """
            {"question_id": 1, "image": "a.jpg", "text": "Is there a kite?", "label": "yes"}
            {"question_id": "q/2", "image": "a.jpg", "text": "Is there a kite?", "label": "No"}
            {"question_id": 1, "image": "a.jpg", "question": "Is there a kite?", "answer": "Yes.", "category": "popular"}
            {"id": "9", "question_id": null, "question": "Is there a kite?", "answer": "no", "image_source": "COCO_7", "image": {"bytes": "x", "path": null}}\
            """);
    assertQuestion(samples.get(0), "pope-1", "a.jpg", "yes");
    assertQuestion(samples.get(1), "pope-q/2", "a.jpg", "no");
    assertQuestion(samples.get(2), "pope-popular-1", "a.jpg", "yes");
    assertQuestion(samples.get(3), "pope-9", "COCO_7.jpg", "no");
  }

  @Test
  void othersAreRefusedByLine() throws IOException {
    String row = "{\"question_id\": 1, \"image\": \"a.jpg\", \"text\": \"q\", \"label\": \"yes\"}";
    refused(row + "\n" + row, "pope.json:2: id \"pope-1\" was already used");
    refused(row.replace("yes", "maybe"), "pope.json:1: field \"label\": expected yes or no");
    refused(row.replace("label", "target"), "text and label, question and answer", "target");
  }

  private void refused(String text, String... parts) {
    String message = assertThrows(IllegalArgumentException.class, () -> read(text)).getMessage();
    for (String part : parts) {
      assertTrue(message.contains(part), message);
    }
  }
}
