package org.equipoise.mbpo.demo;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.equipoise.kernels.PolicyKl;
import org.equipoise.mbpo.train.DpoOptions;
import org.equipoise.mbpo.train.HybridGrpoOptions;
import org.equipoise.mbpo.train.OfflineOptions;
import org.equipoise.mbpo.train.OptimizerOptions;
import org.equipoise.mbpo.train.PolicyOptions;
import org.equipoise.mbpo.train.Schedule;

/**
 * What a run mines, trains and compares. Plans of one configuration share their stages, so that one
 * run folder serves them all.
 *
 * @param name names the report's stage
 * @param minings stages that mine pairs
 * @param trainings stages that train
 * @param methods everything that is evaluated, the start first
 * @param tables title to the methods that it compares
 */
record DemoPlan(
    String name,
    List<PairMining> minings,
    List<Training> trainings,
    List<Method> methods,
    Map<String, List<Method>> tables) {

  static final String TRAINED = "Trained pairs";
  static final String HELD_OUT = "Held-out pairs";
  static final String AGAINST_GOLD = "MBPO against fine-tuning, trained pairs";
  static final String BIASED = "Annotator with mistakes";
  static final String ABLATION = "Ablation, trained pairs";
  static final String ABLATION_HELD_OUT = "Ablation, held-out pairs";
  static final String GRID = "Development, trained pairs";
  static final String GRID_HELD_OUT = "Development, held-out pairs";

  static final String MINE = "mine";
  static final String NO_TRAINING = "no training";
  static final String TRAINING = "trained";
  static final Method START = new Method("start", "Start", NO_TRAINING, "start", 0);

  /** Start's yes/no answers by a threshold fitted on development items. */
  static final String FITTED_START = "Start, fitted threshold";

  static final String HYBRID = "MBPO hybrid";
  static final String GOLD = "SFT on the same gold answers";
  static final String DPO = "DPO, the same pairs";
  static final String HYBRID_ON_MISTAKES = "MBPO hybrid on its answers";
  static final String GOLD_ON_MISTAKES = "SFT on its answers";

  /** Whether the columns of a table are those of held-out pairs. */
  static boolean heldOut(String table) {
    return table.endsWith("eld-out pairs");
  }

  private static PairMining adversarial(DemoConfig config) {
    return PairMining.adversarial(MINE, "Adversarial", config.mining().epsilon());
  }

  private static PairMining diffusion(DemoConfig config) {
    return adversarial(config)
        .withId("mine-diffusion")
        .withTitle("Diffusion noise")
        .withSource(PairMining.Source.DIFFUSION);
  }

  private static PairMining blank(DemoConfig config) {
    return adversarial(config)
        .withId("mine-blank")
        .withTitle("Blank image")
        .withSource(PairMining.Source.BLANK);
  }

  private static Training hybrid(DemoConfig config) {
    return new Training("train-hybrid", HYBRID, MINE, new Training.Hybrid(config.hybrid(), true));
  }

  private static Method trained(Training training) {
    return new Method(
        training.id().replaceFirst("^train-", ""), training.title(), TRAINING, training.id(), 0);
  }

  /** The demonstration: baselines of equal budget, free baselines, an annotator with mistakes. */
  static DemoPlan main(DemoConfig config) {
    PairMining biased =
        adversarial(config)
            .withId("mine-biased")
            .withTitle("Adversarial, annotator with mistakes")
            .withBiasedAnnotator(true);
    Training hybrid = hybrid(config);
    Training gold =
        new Training("train-sft", GOLD, MINE, new Training.GoldFineTuning(config.goldFineTuning()));
    Training dpo = dpo(config.dpo(), "train-dpo", DPO, MINE);
    Training dpoNoise =
        dpo(
            config.dpoDiffusion(),
            "train-dpo-diffusion",
            "DPO, negatives by diffusion noise",
            "mine-diffusion");
    Training dpoBlank =
        dpo(config.dpoBlank(), "train-dpo-blank", "DPO, negatives by blank images", "mine-blank");
    Training biasedGold =
        new Training(
            "train-sft-biased",
            GOLD_ON_MISTAKES,
            biased.id(),
            new Training.GoldFineTuning(config.goldFineTuning()));
    Training biasedHybrid =
        new Training(
            "train-hybrid-biased",
            HYBRID_ON_MISTAKES,
            biased.id(),
            new Training.Hybrid(config.hybrid(), true));
    Method contrast =
        new Method(
            "start-contrast",
            "Start, blind-contrast decoding",
            NO_TRAINING,
            "start",
            config.decoding().startContrast());
    Method hybridContrast =
        new Method(
            "hybrid-contrast",
            "MBPO hybrid, blind-contrast decoding",
            TRAINING,
            hybrid.id(),
            config.decoding().hybridContrast());
    Method goldContrast =
        new Method(
            "sft-contrast",
            "SFT, blind-contrast decoding",
            TRAINING,
            gold.id(),
            config.decoding().hybridContrast());
    List<Method> compared =
        List.of(
            START,
            contrast,
            trained(gold),
            goldContrast,
            trained(dpo),
            trained(dpoNoise),
            trained(dpoBlank),
            trained(hybrid),
            hybridContrast);
    List<Method> onMistakes = List.of(trained(biasedGold), trained(biasedHybrid));
    List<Method> methods = new ArrayList<>(compared);
    methods.addAll(onMistakes);
    List<Method> biasedTable = new ArrayList<>(List.of(START));
    biasedTable.addAll(onMistakes);
    Map<String, List<Method>> tables = new LinkedHashMap<>();
    tables.put(TRAINED, compared);
    tables.put(HELD_OUT, compared);
    tables.put(AGAINST_GOLD, List.of(trained(gold), trained(hybrid), hybridContrast));
    tables.put(BIASED, biasedTable);
    return new DemoPlan(
        "report",
        List.of(adversarial(config), diffusion(config), blank(config), biased),
        List.of(hybrid, gold, dpo, dpoNoise, dpoBlank, biasedGold, biasedHybrid),
        methods,
        tables);
  }

  private static Training dpo(DpoOptions options, String id, String title, String mining) {
    return new Training(id, title, mining, new Training.Dpo(options));
  }

  /**
   * MBPO's parts on and off: adversarial mining (off: diffusion noise) x selection by information
   * gain (off: at random) x online answers x format reward (which only online answers have); then
   * one thing at a time.
   */
  static DemoPlan ablation(DemoConfig config) {
    Builder plan = new Builder("report-ablation", config);
    PairMining adversarial = adversarial(config);
    PairMining noise = diffusion(config);
    for (PairMining mining :
        List.of(
            adversarial,
            adversarial
                .withId("mine-random")
                .withTitle("Adversarial, drawn at random")
                .withByGain(false),
            noise,
            noise
                .withId("mine-diffusion-random")
                .withTitle("Diffusion noise, drawn at random")
                .withByGain(false))) {
      plan.minings.add(mining);
      for (boolean online : new boolean[] {true, false}) {
        for (boolean format : online ? new boolean[] {true, false} : new boolean[] {false}) {
          HybridGrpoOptions options = online ? config.hybrid() : offlineOnly(config);
          String title =
              (mining.source() == PairMining.Source.ADVERSARIAL ? "adversarial" : "noise")
                  + (mining.byGain() ? " + gain" : "")
                  + (online ? " + online" : "")
                  + (format ? " + format" : "");
          boolean whole = mining.id().equals(MINE) && online && format;
          plan.add(
              whole
                  ? hybrid(config)
                  : new Training(
                      "train-" + title.replace(" + ", "-"),
                      title,
                      mining.id(),
                      new Training.Hybrid(options, format)));
        }
      }
    }
    plan.hybrid("train-online-only", "online answers only", MINE, onlineOnly(config));
    plan.hybrid(
        "train-no-floor",
        "without the log-prob floor",
        MINE,
        config
            .hybrid()
            .withPolicy(
                config.hybrid().policy().withNegativeLogProbFloor(Double.NEGATIVE_INFINITY)));
    plan.hybrid(
        "train-rejected-kl",
        "KL on rejected answers, too",
        MINE,
        config.hybrid().withOffline(config.hybrid().offline().withRejectedKl(true)));
    plan.hybrid(
        "train-all-rejected", "as many rejected answers as chosen ones", MINE, allRejected(config));
    plan.mined(
        adversarial
            .withId("mine-singles")
            .withTitle("Adversarial, no twins")
            .withPool(PairMining.Pool.SINGLES),
        "without twins");
    plan.mined(
        adversarial
            .withId("mine-nearest")
            .withTitle("Adversarial, nearest twins")
            .withPool(PairMining.Pool.NEAREST),
        "twins found, not composed");
    plan.mined(
        adversarial
            .withId("mine-swapped")
            .withTitle("Twin's image")
            .withSource(PairMining.Source.SWAPPED),
        "negatives by the twin's image");
    for (int step : new int[] {4, 8, 32}) {
      plan.mined(
          PairMining.adversarial(
              "mine-epsilon-" + step, "Adversarial, epsilon " + step + "/255", step / 255.0),
          "epsilon " + step + "/255");
    }
    return plan.build(ABLATION, ABLATION_HELD_OUT);
  }

  private static HybridGrpoOptions offlineOnly(DemoConfig config) {
    return config
        .hybrid()
        .withOnline(config.hybrid().online().withPromptsPerIteration(0).withGroupSize(8));
  }

  /** As many groups as are drawn, so that more than the hybrid's few are learnt from. */
  private static HybridGrpoOptions onlineOnly(DemoConfig config) {
    return config
        .hybrid()
        .withOffline(config.hybrid().offline().withPairsPerIteration(0))
        .withOnline(config.hybrid().online().withMaxGroups(16));
  }

  /** As many offline answers, half of them rejected ones. */
  private static HybridGrpoOptions allRejected(DemoConfig config) {
    OfflineOptions offline = config.hybrid().offline();
    int answers = (int) Math.round(offline.pairsPerIteration() * (1 + offline.rejectedShare()));
    return config
        .hybrid()
        .withOffline(offline.withPairsPerIteration(answers / 2).withRejectedShare(1));
  }

  /** The same five learning rates for every trainer, and variations of MBPO. */
  static DemoPlan development(DemoConfig config) {
    Builder plan = new Builder("report-development", config);
    plan.minings.addAll(List.of(adversarial(config), diffusion(config), blank(config)));
    for (double rate : new double[] {3e-4, 1e-3, 2e-3, 4e-3, 6e-3}) {
      String suffix = "-" + Math.round(rate * 1e4);
      String at = ", rate " + rate;
      OptimizerOptions optimizer = config.hybrid().optimizer().withLearningRate(rate);
      plan.hybrid(
          "train-hybrid" + suffix, HYBRID + at, MINE, config.hybrid().withOptimizer(optimizer));
      plan.add(
          new Training(
              "train-sft" + suffix,
              "SFT" + at,
              MINE,
              new Training.GoldFineTuning(config.goldFineTuning().withOptimizer(optimizer))));
      for (PairMining mining : plan.minings.subList(0, 3)) {
        plan.add(
            new Training(
                mining.id().replace(MINE, "train-dpo") + suffix,
                "DPO " + mining.title().toLowerCase(java.util.Locale.ROOT) + at,
                mining.id(),
                new Training.Dpo(config.dpo().withOptimizer(optimizer))));
      }
    }
    HybridGrpoOptions base = config.hybrid();
    plan.hybrid("train-kl-001", "KL 0.001", MINE, base.withPolicy(base.policy().withKlBeta(0.001)));
    plan.hybrid("train-kl-01", "KL 0.01", MINE, base.withPolicy(base.policy().withKlBeta(0.01)));
    plan.hybrid(
        "train-floor-15",
        "floor -1.5",
        MINE,
        base.withPolicy(base.policy().withNegativeLogProbFloor(-1.5)));
    plan.hybrid(
        "train-floor-07",
        "floor -0.7",
        MINE,
        base.withPolicy(base.policy().withNegativeLogProbFloor(-0.7)));
    plan.hybrid(
        "train-online-half",
        "8 prompts, online answers of weight 0.5",
        MINE,
        base.withOnline(
            base.online().withPromptsPerIteration(8).withGroupSize(8).withAdvantageScale(0.5)));
    plan.hybrid(
        "train-online-4", "4 online groups", MINE, base.withOnline(base.online().withMaxGroups(4)));
    plan.hybrid(
        "train-differing",
        "only differing tokens rejected",
        MINE,
        base.withOffline(
            base.offline().withRejectedTokens(OfflineOptions.RejectedTokens.DIFFERING)));
    plan.hybrid(
        "train-rejected-kl",
        "KL on rejected answers, too",
        MINE,
        base.withOffline(base.offline().withRejectedKl(true)));
    plan.hybrid(
        "train-rejected-k2",
        "KL on rejected answers, too, all by k2, 0.01",
        MINE,
        base.withOffline(base.offline().withRejectedKl(true))
            .withPolicy(base.policy().withKl(PolicyKl.K2).withKlBeta(0.01)));
    plan.hybrid(
        "train-all-rejected", "as many rejected answers as chosen ones", MINE, allRejected(config));
    plan.hybrid(
        "train-token-mean",
        "mean over tokens, not sequences",
        MINE,
        base.withPolicy(base.policy().withNormalizer(PolicyOptions.Normalizer.DAPO)));
    plan.hybrid(
        "train-old-mining",
        "old policy from mining",
        MINE,
        base.withPolicy(base.policy().withOldPolicy(PolicyOptions.OldPolicy.MINING)));
    plan.hybrid(
        "train-rate-left",
        "rate that falls to 30 %",
        MINE,
        base.withOptimizer(base.optimizer().withSchedule(Schedule.LINEAR).withFinalFraction(0.3)));
    plan.mined(
        adversarial(config)
            .withId("mine-nearest")
            .withTitle("Adversarial, nearest twins")
            .withPool(PairMining.Pool.NEAREST),
        "twins found, not composed");
    return plan.build(GRID, GRID_HELD_OUT);
  }

  private static final class Builder {
    private final String name;
    private final DemoConfig config;
    private final List<PairMining> minings = new ArrayList<>();
    private final List<Training> trainings = new ArrayList<>();

    Builder(String name, DemoConfig config) {
      this.name = name;
      this.config = config;
    }

    void add(Training training) {
      trainings.add(training);
    }

    void hybrid(String id, String title, String mining, HybridGrpoOptions options) {
      add(new Training(id, title, mining, new Training.Hybrid(options, true)));
    }

    /** MBPO as it is, on pairs mined another way. */
    void mined(PairMining mining, String title) {
      minings.add(mining);
      hybrid(mining.id().replace(MINE, "train"), title, mining.id(), config.hybrid());
    }

    DemoPlan build(String table, String heldOutTable) {
      List<Method> methods = new ArrayList<>(List.of(START));
      trainings.forEach(training -> methods.add(trained(training)));
      Map<String, List<Method>> tables = new LinkedHashMap<>();
      tables.put(table, methods);
      tables.put(heldOutTable, methods);
      return new DemoPlan(name, minings, trainings, methods, tables);
    }
  }
}
