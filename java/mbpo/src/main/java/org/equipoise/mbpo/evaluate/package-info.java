/** Whether answers are right, and how sure one can be of it. */
@NullMarked
package org.equipoise.mbpo.evaluate;

import org.jspecify.annotations.NullMarked;
