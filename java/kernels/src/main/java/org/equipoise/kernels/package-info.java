/** The compute library on plain native memory. */
@NullMarked
package org.equipoise.kernels;

import org.jspecify.annotations.NullMarked;
