package org.equipoise.mbpo.data;

import java.nio.file.Path;

/**
 * What was read from a file, and where it stands there.
 *
 * @param line from 1; of a list, the line on which the object begins
 */
public record Row<T>(Path file, int line, T value) {}
