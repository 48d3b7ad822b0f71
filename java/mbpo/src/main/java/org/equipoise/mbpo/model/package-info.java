/** The one seam between the system and a multimodal model. */
@NullMarked
package org.equipoise.mbpo.model;

import org.jspecify.annotations.NullMarked;
