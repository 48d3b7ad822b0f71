/** Samples and mined preference pairs, in memory and as JSON Lines with PNG files. */
@NullMarked
package org.equipoise.mbpo.data;

import org.jspecify.annotations.NullMarked;
