package org.equipoise.mbpo.demo.scene;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The sixteen drawable objects. Neighbours form the eight pairs that go together in the language
 * prior: an object's partner shares its pair.
 */
public enum SceneObject {
  DOG("1f436"),
  BONE("1f9b4"),
  CAT("1f431"),
  FISH("1f41f"),
  BEE("1f41d"),
  HONEY("1f36f"),
  KEY("1f511"),
  LOCK("1f512"),
  MONKEY("1f435"),
  BANANA("1f34c"),
  BURGER("1f354"),
  FRIES("1f35f"),
  RABBIT("1f430"),
  CARROT("1f955"),
  MOUSE("1f42d"),
  CHEESE("1f9c0");

  private static final List<SceneObject> ALL = List.of(values());
  private static final int HELD_OUT_FROM = RABBIT.ordinal();

  private final String codepoint;

  SceneObject(String codepoint) {
    this.codepoint = codepoint;
  }

  /** Every object, in declaration order. */
  public static List<SceneObject> all() {
    return ALL;
  }

  /** The objects of the six trained pairs, or of the two whose partners are never asked for. */
  public static List<SceneObject> ofPairs(boolean heldOut) {
    return Arrays.stream(values()).filter(object -> object.heldOut() == heldOut).toList();
  }

  /** The word that names the object in questions and answers. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The other object of the pair. */
  public SceneObject partner() {
    return ALL.get(ordinal() ^ 1);
  }

  /** Whether preference data never asks for this object beside its partner. */
  public boolean heldOut() {
    return ordinal() >= HELD_OUT_FROM;
  }

  /** Unicode code point in hexadecimal: the sprite's file name. */
  String codepoint() {
    return codepoint;
  }
}
