package org.equipoise.mbpo.image;

/** Width and height of an image file, before its orientation is applied. */
public record ImageSize(int width, int height) {}
