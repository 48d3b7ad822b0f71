/** Random numbers as pure functions of (seed, stage, step, sample, token). */
@NullMarked
package org.equipoise.mbpo.random;

import org.jspecify.annotations.NullMarked;
