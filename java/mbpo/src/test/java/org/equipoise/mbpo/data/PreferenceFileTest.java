package org.equipoise.mbpo.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.equipoise.mbpo.image.ImageSource;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.Prompt;
import org.equipoise.mbpo.model.Prompt.Role;
import org.equipoise.mbpo.model.Prompt.Turn;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Preference pairs in the layouts that other projects publish, with contents of our own. */
class PreferenceFileTest {
  @TempDir Path folder;

  private List<PreferenceRecord> read(String text) throws IOException {
    return PreferenceFile.read(Files.writeString(folder.resolve("pairs.jsonl"), text));
  }

  /** One question about one image, in every form. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        // TRL, standard
        "{'images': ['a.png'], 'prompt': 'What is it?', 'chosen': 'A dog.', 'rejected': 'A cat.'}",
        // TRL, conversational, explicit prompt
        "{'images': ['a.png'], 'prompt': [{'role': 'user', 'content': 'What is it?'}], 'chosen':"
            + " [{'role': 'assistant', 'content': 'A dog.'}], 'rejected': [{'role': 'assistant',"
            + " 'content': 'A cat.'}]}",
        // TRL, conversational, implicit prompt
        "{'images': ['a.png'], 'chosen': [{'role': 'user', 'content': 'What is it?'}, {'role':"
            + " 'assistant', 'content': 'A dog.'}], 'rejected': [{'role': 'user', 'content': 'What"
            + " is it?'}, {'role': 'assistant', 'content': 'A cat.'}]}",
        // TRL's vision sets: parts, with null where a part has no such field
        "{'images': [{'bytes': null, 'path': 'a.png'}], 'prompt': [{'role': 'user', 'content':"
            + " [{'type': 'image', 'text': null}, {'type': 'text', 'text': 'What is it?'}]}],"
            + " 'chosen': [{'role': 'assistant', 'content': [{'type': 'text', 'text': 'A dog.'}]}],"
            + " 'rejected': [{'role': 'assistant', 'content': [{'type': 'text', 'text': 'A"
            + " cat.'}]}]}",
        // a text beside full conversations
        "{'image': 'a.png', 'prompt': 'What is it?', 'chosen': [{'role': 'user', 'content': 'What"
            + " is it?'}, {'role': 'assistant', 'content': 'A dog.'}], 'rejected': [{'role':"
            + " 'user', 'content': 'What is it?'}, {'role': 'assistant', 'content': 'A cat.'}],"
            + " 'score_chosen': 8.5}",
        // RLAIF-V
        "{'ds_name': 'RLAIF-V', 'image': {'bytes': null, 'path': 'a.png'}, 'question': 'What is"
            + " it?', 'chosen': 'A dog.', 'rejected': 'A cat.', 'origin_dataset': 'COCO',"
            + " 'origin_split': '{}', 'idx': '7', 'image_path': 'x/a.png'}",
        // LLaMA-Factory, ranking
        "{'conversations': [{'from': 'human', 'value': '<image>What is it?'}], 'chosen': {'from':"
            + " 'gpt', 'value': 'A dog.'}, 'rejected': {'from': 'gpt', 'value': 'A cat.'},"
            + " 'images': ['a.png']}",
        // LLaMA-Factory, alpaca's fields
        "{'instruction': '<image>What is it?', 'input': '', 'chosen': 'A dog.', 'rejected': 'A"
            + " cat.', 'images': ['a.png']}",
        // ms-swift, short form
        "{'query': 'What is it?', 'response': 'A dog.', 'rejected_response': 'A cat.', 'images':"
            + " ['a.png']}",
        // ms-swift
        "{'messages': [{'role': 'user', 'content': '<image>What is it?'}, {'role': 'assistant',"
            + " 'content': 'A dog.'}], 'rejected_response': 'A cat.', 'images': ['a.png']}",
      })
  void peersForms(String row) throws IOException {
    PreferenceRecord pair = read(row.replace('\'', '"')).get(0);
    assertEquals(Prompt.of(1, "What is it?"), pair.prompt());
    assertEquals("A dog.", pair.chosen());
    assertEquals("A cat.", pair.rejected());
    assertEquals(
        folder.toAbsolutePath().resolve("a.png"), pair.images().get(0).path().orElseThrow());
    assertEquals(pair.images().toString(), pair.perturbed().toString());
    assertEquals("pairs-1", pair.id());
    assertTrue(Double.isNaN(pair.scores().delta()));
  }

  @Test
  void severalTurnsTextAloneAndLists() throws IOException {
    String chosen =
        "[{'role': 'system', 'content': 's'}, {'role': 'user', 'content': 'q1'}, {'role':"
            + " 'assistant', 'content': 'a1'}, {'role': 'user', 'content': 'q2'}, {'role':"
            + " 'assistant', 'content': 'good'}]";
    String row = "{'id': 3, 'chosen': " + chosen + ", 'rejected': ";
    row = row + chosen.replace("good", "bad") + "}";
    PreferenceRecord pair = read("[" + row.replace('\'', '"') + "]").get(0);
    assertEquals("3", pair.id());
    assertEquals(
        new Prompt(
            List.of(
                Turn.of(Role.SYSTEM, "s"),
                Turn.of(Role.USER, "q1"),
                Turn.of(Role.ASSISTANT, "a1"),
                Turn.of(Role.USER, "q2"))),
        pair.prompt());
    assertEquals(List.of("good", "bad"), List.of(pair.chosen(), pair.rejected()));
    assertEquals(0, pair.sample().images().size());
  }

  private void refused(String row, String... parts) throws IOException {
    String text = row.replace('\'', '"');
    String message = assertThrows(IllegalArgumentException.class, () -> read(text)).getMessage();
    assertTrue(message.contains("pairs.jsonl:1: "), message);
    for (String part : parts) {
      assertTrue(message.contains(part), "\"" + message + "\" says " + part);
    }
  }

  @Test
  void whatIsNoPairIsRefused() throws IOException {
    refused("{'a': 1, 'b': 2}", "found the fields a, b", "rejected_response");
    refused("{'chosen': 'yes', 'rejected': 'no'}", "found the fields chosen, rejected");
    refused("{'question': 'q', 'chosen': 'a', 'rejected': ' '}", "an empty text as the rejected");
    refused(
        "{'prompt': 'other', 'chosen': [{'role': 'user', 'content': 'q'}, {'role': 'assistant',"
            + " 'content': 'a'}], 'rejected': [{'role': 'user', 'content': 'q'}, {'role':"
            + " 'assistant', 'content': 'b'}]}",
        "field \"prompt\"");
    refused(
        "{'chosen': [{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': 'a'}],"
            + " 'rejected': [{'role': 'user', 'content': 'p'}, {'role': 'assistant', 'content':"
            + " 'b'}]}",
        "found the fields");
    refused(
        "{'prompt': 'q', 'chosen': 'a', 'rejected': 'b', 'videos': ['v.mp4']}", "field \"videos\"");
    refused("{'prompt': 'q', 'chosen': 'a', 'rejected': 'b', 'image_file': 'v.png'}", "image_file");
  }

  /** Ids are kept in the data and made fit for file names, each one its own. */
  @Test
  void idsOfAnyLettersNameFiles() throws IOException {
    List<String> ids =
        List.of(
            "train2017/0001.jpg", "train2017_0001.jpg", "a b", "größe/日本", "x".repeat(300), "..");
    PreferenceWriter writer = PreferenceWriter.open(folder, "ids", text -> fail(text));
    for (int i = 0; i < ids.size(); i++) {
      ImageSource image = ImageSource.of(new RgbImage(1, 1, new byte[] {(byte) i, 0, 0}));
      writer.append(
          1,
          List.of(
              new PreferenceRecord(
                  ids.get(i),
                  List.of(image, image),
                  List.of(image, image),
                  new Prompt(
                      List.of(
                          new Turn(Role.USER, List.of("is ", "<image> or ", " ?")),
                          Turn.of(Role.ASSISTANT, "no "),
                          Turn.of(Role.USER, " why ?"))),
                  " chosen",
                  "rejected ",
                  "open",
                  null,
                  "blank",
                  1,
                  new PreferenceRecord.Scores(-1, -2, "a", "b", false),
                  Map.of())),
          List.of());
    }
    List<PreferenceRecord> read = PreferenceStore.read(folder);
    assertEquals(ids, read.stream().map(PreferenceRecord::id).toList());
    for (int i = 0; i < ids.size(); i++) {
      assertEquals(i, read.get(i).images().get(1).load().planes()[0]);
      assertEquals("<image> or ", read.get(i).prompt().turns().get(0).pieces().get(1));
      assertEquals(" chosen", read.get(i).chosen());
    }
    assertEquals(ids.size(), PreferenceWriter.open(folder, "ids", text -> fail(text)).unitsDone());
  }
}
