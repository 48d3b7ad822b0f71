/** The ops on LibTorch tensors. */
@NullMarked
package org.equipoise.torch;

import org.jspecify.annotations.NullMarked;
