/** Settings from a YAML file and from the command line, over documented defaults. */
@NullMarked
package org.equipoise.mbpo.config;

import org.jspecify.annotations.NullMarked;
