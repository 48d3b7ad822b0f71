/** The demonstration: an application of the public API. */
@NullMarked
package org.equipoise.mbpo.demo;

import org.jspecify.annotations.NullMarked;
