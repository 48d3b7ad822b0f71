package org.equipoise.mbpo.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import org.equipoise.mbpo.storage.Json;

/** One line of a preference file; the conversational vision format that TRL reads, and more. */
final class PreferenceJson {
  static final String IMAGES = "images";
  static final String PERTURBED = "images-perturbed";

  private PreferenceJson() {}

  static JsonNode line(PreferenceRecord record) {
    ObjectNode line = Json.MAPPER.createObjectNode();
    line.put("id", record.id());
    ArrayNode images = line.putArray("images");
    ArrayNode perturbed = line.putArray("images_perturbed");
    for (String name : imageNames(record)) {
      images.add(IMAGES + "/" + name);
      perturbed.add(PERTURBED + "/" + name);
    }
    PromptJson.put(line, "prompt", record.prompt());
    PromptJson.putAnswer(line, "chosen", record.chosen());
    PromptJson.putAnswer(line, "rejected", record.rejected());
    line.put("kind", record.kind());
    line.put("twin", record.twin());
    line.put("source", record.source());
    number(line, "information_gain", record.informationGain());
    PreferenceRecord.Scores scores = record.scores();
    ObjectNode scored = line.putObject("scores");
    number(scored, "log_prob_clean", scores.logProbClean());
    number(scored, "log_prob_perturbed", scores.logProbPerturbed());
    number(scored, "delta", scores.delta());
    scored.put("clean_answer", scores.cleanAnswer());
    scored.put("blind_answer", scores.blindAnswer());
    scored.put("equals_blind_answer", scores.equalsBlindAnswer());
    ObjectNode settings = line.putObject("perturbation");
    new java.util.TreeMap<>(record.perturbation()).forEach(settings::put);
    return line;
  }

  /**
   * The file names of a pair's images: its id, made fit for file names, and from the second image
   * on their number, behind a sign that no such name has.
   */
  static List<String> imageNames(PreferenceRecord record) {
    List<String> names = new ArrayList<>();
    String stem = IdFileNames.of(record.id());
    for (int number = 1; number <= record.images().size(); number++) {
      names.add(number == 1 ? stem + ".png" : stem + "+" + number + ".png");
    }
    return names;
  }

  static JsonNode line(DroppedSample dropped) {
    ObjectNode line = Json.MAPPER.createObjectNode();
    line.put("id", dropped.id());
    line.put("kind", dropped.kind());
    line.put("reason", dropped.reason());
    number(line, "delta", dropped.delta());
    line.put("answer", dropped.answer());
    return line;
  }

  static DroppedSample dropped(JsonFields fields) {
    return new DroppedSample(
        fields.text("id"),
        fields.text("kind"),
        fields.text("reason"),
        fields.number("delta"),
        fields.text("answer"));
  }

  /** JSON has no NaN and no infinity. */
  private static void number(ObjectNode node, String name, double value) {
    if (Double.isFinite(value)) {
      node.put(name, value);
    } else {
      node.putNull(name);
    }
  }
}
