/** The demonstration's small model. */
@NullMarked
package org.equipoise.mbpo.demo.model;

import org.jspecify.annotations.NullMarked;
