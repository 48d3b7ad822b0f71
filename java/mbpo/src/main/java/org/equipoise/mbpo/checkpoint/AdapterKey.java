package org.equipoise.mbpo.checkpoint;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a tensor of {@code adapter_model.safetensors} is, from its name: those of PEFT for the paths
 * of transformers 5 and of transformers 4, with or without the adapter's own name in them.
 *
 * @param kind its role
 * @param pathInFile the layer's path as the file has it, without PEFT's prefix
 * @param path the layer's path as the model classes have it; for {@link Kind#WHOLE} the tensor's
 * @param peftName how PEFT calls the tensor today
 */
record AdapterKey(Kind kind, String pathInFile, String path, String peftName) {
  /** Roles of tensors. */
  enum Kind {
    /** The matrix [rank, in] that the input meets, of a linear layer or a convolution. */
    A(".lora_A.weight"),
    /** The matrix [out, rank]. */
    B(".lora_B.weight"),
    /** [rank, tokens] of an embedding. */
    EMBEDDING_A(".lora_embedding_A"),
    /** [width, rank] of an embedding. */
    EMBEDDING_B(".lora_embedding_B"),
    /** Rows of an embedding for some ids. */
    TOKENS(".token_adapter.trainable_tokens_delta"),
    /** A weight or bias that replaces the base's. */
    WHOLE(""),
    /** A tensor that no supported kind of adapter has. */
    UNKNOWN("");

    private final String ending;

    Kind(String ending) {
      this.ending = ending;
    }
  }

  private static final String PREFIX = "base_model.model.";
  private static final String BASE = ".base_layer";
  private static final Pattern PART =
      Pattern.compile("(.*)\\.lora_(embedding_)?([AB])(\\.[^.]+)??(\\.weight)?");
  private static final Pattern TOKENS =
      Pattern.compile("(.*?)(\\.token_adapter)?\\.trainable_tokens_delta(\\.[^.]+)?");
  private static final Pattern WHOLE =
      Pattern.compile("(.*?)(\\.base_layer|\\.modules_to_save(?:\\.[^.]+)?)?(\\.weight|\\.bias)");

  static AdapterKey of(String name) {
    String own = name.startsWith(PREFIX) ? name.substring(PREFIX.length()) : name;
    Matcher part = PART.matcher(own);
    if (part.matches() && (part.group(2) != null) == (part.group(5) == null)) {
      boolean a = part.group(3).equals("A");
      return part.group(2) == null
          ? part(a ? Kind.A : Kind.B, part.group(1))
          : part(a ? Kind.EMBEDDING_A : Kind.EMBEDDING_B, part.group(1));
    }
    Matcher tokens = TOKENS.matcher(own);
    if (tokens.matches()) {
      return part(Kind.TOKENS, tokens.group(1));
    }
    Matcher whole = WHOLE.matcher(own);
    if (!whole.matches() || own.contains(".lora_")) {
      return part(Kind.UNKNOWN, own);
    }
    String path = QwenKeys.toModel(whole.group(1));
    String infix = BASE.equals(whole.group(2)) ? BASE : "";
    return new AdapterKey(
        Kind.WHOLE,
        whole.group(1) + whole.group(3),
        path + whole.group(3),
        PREFIX + path + infix + whole.group(3));
  }

  private static AdapterKey part(Kind kind, String pathInFile) {
    String path = QwenKeys.toModel(pathInFile);
    return new AdapterKey(kind, pathInFile, path, PREFIX + path + kind.ending);
  }

  /** How PEFT calls a tensor of the model classes' name. */
  static String peftName(String name) {
    return PREFIX + name;
  }
}
