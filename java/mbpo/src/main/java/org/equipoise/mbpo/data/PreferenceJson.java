package org.equipoise.mbpo.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.equipoise.mbpo.image.ImageSource;
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
    message(line, "prompt", "user", record.question());
    message(line, "chosen", "assistant", record.chosen());
    message(line, "rejected", "assistant", record.rejected());
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
   * The file names of a pair's images: its id, and from the second image on their number, behind a
   * sign that no id has.
   */
  static List<String> imageNames(PreferenceRecord record) {
    List<String> names = new ArrayList<>(List.of(record.id() + ".png"));
    for (int number = 2; number <= record.images().size(); number++) {
      names.add(record.id() + "+" + number + ".png");
    }
    return names;
  }

  static PreferenceRecord record(Path folder, JsonFields fields) {
    JsonFields scores = fields.object("scores");
    return new PreferenceRecord(
        fields.text("id"),
        images(folder, fields, "images"),
        images(folder, fields, "images_perturbed"),
        fields.only("prompt").text("content"),
        fields.only("chosen").text("content"),
        fields.only("rejected").text("content"),
        fields.text("kind"),
        fields.textOrNull("twin"),
        fields.text("source"),
        fields.number("information_gain"),
        new PreferenceRecord.Scores(
            scores.number("log_prob_clean"),
            scores.number("log_prob_perturbed"),
            scores.text("clean_answer"),
            scores.text("blind_answer"),
            scores.flag("equals_blind_answer")),
        fields.object("perturbation").asMap());
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

  private static List<ImageSource> images(Path folder, JsonFields fields, String name) {
    List<String> paths = fields.texts(name);
    if (paths.isEmpty()) {
      throw new IllegalArgumentException(
          "field \"" + name + "\": expected image paths, found none");
    }
    return paths.stream().map(path -> ImageSource.of(folder.resolve(path))).toList();
  }

  private static void message(ObjectNode line, String name, String role, String content) {
    line.putArray(name).addObject().put("role", role).put("content", content);
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
