/** Samples and mined preference pairs, in memory and as JSON Lines with PNG files. */
package org.equipoise.mbpo.data;
