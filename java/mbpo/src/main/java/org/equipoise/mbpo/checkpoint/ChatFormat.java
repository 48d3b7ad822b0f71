package org.equipoise.mbpo.checkpoint;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.equipoise.mbpo.model.Prompt;
import org.jspecify.annotations.Nullable;

/**
 * Qwen2-VL's format of a question and its answer:
 *
 * <pre>
 * &lt;|im_start|&gt;system
 * SYSTEM&lt;|im_end|&gt;
 * &lt;|im_start|&gt;user
 * &lt;|vision_start|&gt;&lt;|image_pad|&gt;&lt;|vision_end|&gt;QUESTION&lt;|im_end|&gt;
 * &lt;|im_start|&gt;assistant
 * ANSWER&lt;|im_end|&gt;
 * </pre>
 *
 * @param system text of the first turn; {@code null} where there is no such turn
 */
record ChatFormat(@Nullable String system) {
  static final String IMAGE = "<|vision_start|><|image_pad|><|vision_end|>";
  static final String IMAGE_PLACE = "<|image_pad|>";
  static final String START = "<|im_start|>";
  static final String END = "<|im_end|>";

  static final ChatFormat BUILT_IN = new ChatFormat("You are a helpful assistant.");

  /**
   * A piece of a conversation.
   *
   * @param special whether names of special tokens in it are these tokens; in users' texts they are
   *     ordinary characters
   */
  record Part(String text, boolean special) {}

  /**
   * Everything before the answer; a prompt's own system turn stands in the place of the format's.
   */
  List<Part> parts(Prompt prompt) {
    List<Part> parts = new ArrayList<>();
    if (system != null && prompt.turns().get(0).role() != Prompt.Role.SYSTEM) {
      parts.add(new Part(START + "system\n" + system + END + "\n", true));
    }
    for (Prompt.Turn turn : prompt.turns()) {
      parts.add(new Part(START + turn.role().name().toLowerCase(Locale.ROOT) + "\n", true));
      for (int piece = 0; piece < turn.pieces().size(); piece++) {
        if (piece > 0) {
          parts.add(new Part(IMAGE, true));
        }
        parts.add(new Part(turn.pieces().get(piece), false));
      }
      parts.add(new Part(END + "\n", true));
    }
    parts.add(new Part(START + "assistant\n", true));
    return parts;
  }
}
