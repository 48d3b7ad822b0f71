package org.equipoise.mbpo.demo;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.bytedeco.javacpp.PointerScope;
import org.equipoise.mbpo.data.PreferenceRecord;
import org.equipoise.mbpo.data.PreferenceStore;
import org.equipoise.mbpo.data.Sample;
import org.equipoise.mbpo.demo.model.SmallMultimodalModel;
import org.equipoise.mbpo.demo.task.QuestionKind;
import org.equipoise.mbpo.image.ImageFiles;
import org.equipoise.mbpo.image.Images;
import org.equipoise.mbpo.image.RgbImage;
import org.equipoise.mbpo.model.GenerationOptions;
import org.equipoise.mbpo.model.ImageBatch;
import org.equipoise.mbpo.report.GalleryItem;
import org.equipoise.mbpo.report.GalleryItem.Answer;
import org.equipoise.mbpo.report.GalleryItem.Outcome;
import org.equipoise.mbpo.report.Setting;
import org.equipoise.mbpo.reward.AnswerVerifier;

/** Mined examples with the answers before and after: the first twins of each kind of question. */
final class DemoGallery {
  private static final int PER_KIND = 2;
  private static final int AMPLIFICATION = 8;

  private DemoGallery() {}

  static List<GalleryItem> items(DemoConfig config, Path store, Path start, Path trained) {
    List<PreferenceRecord> pairs = PreferenceStore.read(store);
    List<GalleryItem> items = new ArrayList<>();
    try (SmallMultimodalModel before = SmallMultimodalModel.load(start);
        SmallMultimodalModel after = SmallMultimodalModel.load(trained)) {
      for (QuestionKind kind : QuestionKind.values()) {
        pairs.stream()
            .filter(pair -> pair.kind().equals(kind.id()))
            .limit(PER_KIND)
            .forEach(pair -> items.add(item(config, pair, before, after)));
      }
    }
    return items;
  }

  private static GalleryItem item(
      DemoConfig config,
      PreferenceRecord pair,
      SmallMultimodalModel before,
      SmallMultimodalModel after) {
    RgbImage clean = Images.load(pair.images()).only();
    RgbImage perturbed = Images.load(pair.perturbed()).only();
    List<Answer> answers = new ArrayList<>();
    answers.add(answer("before, clean image", pair, ask(before, clean, pair)));
    answers.add(answer("before, perturbed image (rejected)", pair, pair.rejected()));
    answers.add(new Answer("before, blank image", pair.scores().blindAnswer(), Outcome.UNJUDGED));
    answers.add(answer("after MBPO, clean image", pair, ask(after, clean, pair)));
    answers.add(answer("after MBPO, perturbed image", pair, ask(after, perturbed, pair)));
    return new GalleryItem(
        pair.question(),
        pair.chosen(),
        ImageFiles.encodePng(clean),
        ImageFiles.encodePng(perturbed),
        ImageFiles.encodePng(difference(clean, perturbed)),
        AMPLIFICATION,
        String.format(
            Locale.ROOT,
            "L∞ %.0f/255, %d steps",
            255 * config.mining().epsilon(),
            config.mining().steps()),
        answers,
        List.of(
            Setting.of("clean image", nats(pair.scores().logProbClean())),
            Setting.of("perturbed image", nats(pair.scores().logProbPerturbed())),
            Setting.of("image information gain per token", nats(pair.informationGain()))));
  }

  private static String nats(double value) {
    return String.format(Locale.ROOT, "%.2f nats", value);
  }

  private static Answer answer(String who, PreferenceRecord pair, String text) {
    AnswerVerifier verifier = DemoPipeline.verifier();
    Sample sample = pair.sample();
    if (pair.kind().equals(QuestionKind.MULTIPLE_CHOICE.id())) {
      // The pair does not carry the options; with the answers themselves the verdict is the same.
      sample = sample.withOptions(List.of(pair.chosen()));
    }
    boolean correct = verifier.correct(sample, text);
    return new Answer(who, text, correct ? Outcome.CORRECT : Outcome.WRONG);
  }

  private static String ask(SmallMultimodalModel model, RgbImage image, PreferenceRecord pair) {
    try (PointerScope scope = new PointerScope()) {
      return model
          .generate(
              ImageBatch.ofImages(List.of(image)),
              List.of(model.tokenizer().encodePrompt(pair.question())),
              new long[1],
              GenerationOptions.greedy().withMaxNewTokens(DemoConfig.MAX_NEW_TOKENS))
          .get(0)
          .text();
    }
  }

  private static RgbImage difference(RgbImage clean, RgbImage perturbed) {
    byte[] planes = new byte[clean.planes().length];
    for (int i = 0; i < planes.length; i++) {
      int change = (perturbed.planes()[i] & 0xff) - (clean.planes()[i] & 0xff);
      planes[i] = (byte) Math.max(0, Math.min(255, 128 + AMPLIFICATION * change));
    }
    return new RgbImage(clean.width(), clean.height(), planes);
  }
}
