package org.equipoise.mbpo.report;

import java.lang.reflect.RecordComponent;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Settings that belong together, for example {@code "Negative mining"}. */
public record SettingGroup(String title, List<Setting> settings) {
  public SettingGroup {
    settings = List.copyOf(settings);
  }

  /** Where something was run. */
  public static SettingGroup environment(List<Setting> settings) {
    return new SettingGroup("Environment", settings);
  }

  /**
   * Every component of an option record as a setting, records inside it included: {@code
   * warmUpSteps} of {@code optimizer} becomes "optimizer, warm up steps".
   */
  public static SettingGroup of(String title, Record options) {
    List<Setting> settings = new ArrayList<>();
    addComponents("", options, settings);
    return new SettingGroup(title, settings);
  }

  private static void addComponents(String prefix, Record options, List<Setting> settings) {
    for (RecordComponent component : options.getClass().getRecordComponents()) {
      String name = prefix + words(component.getName());
      Object value;
      try {
        component.getAccessor().setAccessible(true);
        value = component.getAccessor().invoke(options);
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(
            "cannot read " + component.getName() + " of " + options.getClass(), e);
      }
      if (value instanceof Record inner) {
        addComponents(name + ", ", inner, settings);
      } else {
        settings.add(Setting.of(name, text(value)));
      }
    }
  }

  private static String words(String camelCase) {
    return camelCase.replaceAll("(?<=[a-z0-9])(?=[A-Z])", " ").toLowerCase(Locale.ROOT);
  }

  /** Numbers with at most six digits, enum constants in words. */
  private static String text(Object value) {
    if (value instanceof Double number && !number.isNaN() && !number.isInfinite()) {
      return BigDecimal.valueOf(number)
          .round(new MathContext(6))
          .stripTrailingZeros()
          .toPlainString();
    }
    return value instanceof Enum<?> constant
        ? words(constant.name()).replace('_', ' ')
        : String.valueOf(value);
  }
}
