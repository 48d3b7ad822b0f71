/** Composed emoji scenes. */
@NullMarked
package org.equipoise.mbpo.demo.scene;

import org.jspecify.annotations.NullMarked;
