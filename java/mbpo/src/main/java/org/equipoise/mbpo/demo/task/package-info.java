/** Questions about scenes, their twins, data sets and splits. */
@NullMarked
package org.equipoise.mbpo.demo.task;

import org.jspecify.annotations.NullMarked;
