package org.equipoise.mbpo.report;

/**
 * A named value with an optional remark.
 *
 * @param remark where the value comes from, for example {@code "ours, not the paper's"}; may be
 *     empty
 */
public record Setting(String name, String value, String remark) {

  public static Setting of(String name, Object value) {
    return new Setting(name, String.valueOf(value), "");
  }

  public static Setting of(String name, Object value, String remark) {
    return new Setting(name, String.valueOf(value), remark);
  }
}
