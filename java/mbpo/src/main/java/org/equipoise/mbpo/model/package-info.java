/** The one seam between the system and a multimodal model. */
package org.equipoise.mbpo.model;
