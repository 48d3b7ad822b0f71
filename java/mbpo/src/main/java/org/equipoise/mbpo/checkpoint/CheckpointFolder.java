package org.equipoise.mbpo.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.equipoise.mbpo.storage.AtomicFiles;
import org.equipoise.mbpo.storage.Json;
import org.equipoise.mbpo.storage.StorageException;
import org.jspecify.annotations.Nullable;

/** What a folder is that was named as a checkpoint or an adapter and is none, and what to do. */
final class CheckpointFolder {
  private static final int LISTED = 3;

  private CheckpointFolder() {}

  /** The configuration of a checkpoint's folder. */
  static Path config(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw Files.exists(folder) ? file(folder) : nowhere(folder);
    }
    Path config = folder.resolve("config.json");
    requireNoBrokenLink(config);
    if (Files.exists(config)) {
      return config;
    }
    List<String> names = names(folder);
    if (Files.exists(folder.resolve(PeftAdapter.CONFIG))) {
      throw new IllegalArgumentException(
          folder
              + " holds an adapter; give it as model.adapter, and the checkpoint that it was"
              + " trained on as model.folder");
    }
    if (names.contains("snapshots")) {
      throw new IllegalArgumentException(
          folder
              + " is a model's folder in the cache of the Hugging Face Hub; the checkpoint is "
              + snapshots(folder));
    }
    List<String> below =
        names.stream()
            .filter(name -> Files.exists(folder.resolve(name).resolve("config.json")))
            .toList();
    List<String> cached = names.stream().filter(name -> name.startsWith("models--")).toList();
    if (!below.isEmpty() || !cached.isEmpty()) {
      throw new IllegalArgumentException(
          folder
              + " holds several folders and is no checkpoint itself; name one of them: "
              + listed(below.isEmpty() ? cached : below));
    }
    if (names.stream().anyMatch(name -> name.endsWith(".gguf"))) {
      throw new IllegalArgumentException(
          folder
              + " holds GGUF files, which are not read; take the checkpoint with safetensors that"
              + " they were made from");
    }
    throw new IllegalArgumentException(
        folder
            + ": expected config.json in the checkpoint's folder, found none; "
            + (names.isEmpty() ? "the folder is empty" : "it holds " + listed(names)));
  }

  private static IllegalArgumentException file(Path file) {
    return new IllegalArgumentException(
        file
            + " is a file; expected the folder with a checkpoint's config.json, weights and"
            + " tokenizer");
  }

  private static IllegalArgumentException nowhere(Path folder) {
    String name = folder.toString();
    if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")) {
      return new IllegalArgumentException(
          folder + ": expected a folder with a checkpoint, found none");
    }
    Path cached = hub().resolve("models--" + name.replace("/", "--"));
    return new IllegalArgumentException(
        folder
            + ": expected a folder with a checkpoint, found none. If it is a name on the Hugging"
            + " Face Hub: nothing is fetched here; "
            + (Files.isDirectory(cached)
                ? "it is in the cache: " + snapshots(cached)
                : "fetch it with `hf download " + name + " --local-dir FOLDER` and give FOLDER"));
  }

  private static Path hub() {
    String own = System.getenv("HF_HUB_CACHE");
    String home = System.getenv("HF_HOME");
    return own != null
        ? Path.of(own)
        : home != null
            ? Path.of(home, "hub")
            : Path.of(System.getProperty("user.home"), ".cache", "huggingface", "hub");
  }

  /** The snapshot that the main branch is, or all of them. */
  private static String snapshots(Path cached) {
    Path all = cached.resolve("snapshots");
    Path main = cached.resolve("refs").resolve("main");
    if (Files.isRegularFile(main)) {
      Path snapshot = all.resolve(AtomicFiles.readText(main).strip());
      if (Files.isDirectory(snapshot)) {
        return snapshot.toString();
      }
    }
    List<String> hashes = Files.isDirectory(all) ? names(all) : List.of();
    return hashes.isEmpty()
        ? "not there: " + all + " is empty; fetch it again"
        : "one of " + all + ": " + listed(hashes);
  }

  /** What a folder has instead of weights as safetensors. */
  static IllegalArgumentException noWeights(Path folder, String single, String index) {
    for (String name : List.of(single, index)) {
      requireNoBrokenLink(folder.resolve(name));
    }
    List<String> names = names(folder);
    String start = folder + ": expected the weights as " + single + " or " + index + ", found ";
    String pickled =
        names.stream()
            .filter(name -> name.matches("pytorch_model.*\\.bin|.*\\.(pth|pt|ckpt)"))
            .findFirst()
            .orElse(null);
    if (pickled != null) {
      return new IllegalArgumentException(
          start
              + pickled
              + ". Files of pickled objects are not read; convert them in Python: from transformers"
              + " import AutoModelForImageTextToText as M; M.from_pretrained("
              + python(folder)
              + ").save_pretrained(\"NEW\"), and copy tokenizer and processor files beside");
    }
    String other =
        names.stream()
            .filter(name -> name.matches(".*\\.(gguf|safetensors|safetensors\\.index\\.json)"))
            .findFirst()
            .orElse(null);
    return new IllegalArgumentException(
        start + (other == null ? "neither; fetch the checkpoint again" : other + " alone"));
  }

  /** A text in quotes: a folder of a stranger's archive may be called like a piece of a program. */
  private static String python(Path folder) {
    return Json.text(folder.toString());
  }

  /** What a folder is that was named as an adapter and has no configuration of one. */
  static IllegalArgumentException noAdapter(Path folder) {
    if (!Files.isDirectory(folder)) {
      return new IllegalArgumentException(
          folder
              + ": expected a folder with an adapter ("
              + PeftAdapter.CONFIG
              + " and "
              + PeftAdapter.WEIGHTS
              + "), found "
              + (Files.exists(folder) ? "a file" : "none; nothing is fetched from the Hub"));
    }
    requireNoBrokenLink(folder.resolve(PeftAdapter.CONFIG));
    if (names(folder).contains("snapshots")) {
      return new IllegalArgumentException(
          folder
              + " is a folder in the cache of the Hugging Face Hub; the adapter is "
              + snapshots(folder));
    }
    List<String> below =
        names(folder).stream()
            .filter(name -> Files.exists(folder.resolve(name).resolve(PeftAdapter.CONFIG)))
            .toList();
    return new IllegalArgumentException(
        folder
            + ": expected "
            + PeftAdapter.CONFIG
            + ", found none; "
            + (!below.isEmpty()
                ? "name one of the folders in it that have one: " + listed(below)
                : Files.exists(folder.resolve("config.json"))
                    ? "it holds a whole checkpoint, which is given as model.folder"
                    : "name the folder that PEFT's save_pretrained wrote"));
  }

  /** The file with an adapter's weights. */
  static Path adapterWeights(Path folder) {
    Path weights = folder.resolve(PeftAdapter.WEIGHTS);
    requireNoBrokenLink(weights);
    if (Files.exists(weights)) {
      return weights;
    }
    boolean pickled = Files.exists(folder.resolve("adapter_model.bin"));
    throw new IllegalArgumentException(
        folder
            + ": expected "
            + PeftAdapter.WEIGHTS
            + ", found "
            + (pickled
                ? "adapter_model.bin. Files of pickled objects are not read; convert it in Python:"
                    + " import torch; from safetensors.torch import save_file;"
                    + " save_file({k: v.contiguous() for k, v in"
                    + " torch.load(\"adapter_model.bin\", weights_only=True).items()}, \""
                    + PeftAdapter.WEIGHTS
                    + "\")"
                : "none"));
  }

  /** Caches consist of links; one whose target was removed looks like a file that is not there. */
  static void requireNoBrokenLink(Path file) {
    if (Files.isSymbolicLink(file) && !Files.exists(file)) {
      throw new IllegalArgumentException(
          file + " is a link to " + target(file) + ", which does not exist; fetch it again");
    }
  }

  private static @Nullable Path target(Path link) {
    try {
      return Files.readSymbolicLink(link);
    } catch (IOException e) {
      return null;
    }
  }

  private static List<String> names(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> Files.exists(file, LinkOption.NOFOLLOW_LINKS))
          .map(file -> file.getFileName().toString())
          .sorted()
          .toList();
    } catch (IOException e) {
      throw StorageException.of("list", folder, e);
    }
  }

  private static String listed(List<String> names) {
    return String.join(", ", names.subList(0, Math.min(LISTED, names.size())))
        + (names.size() > LISTED ? " and " + (names.size() - LISTED) + " more" : "");
  }
}
