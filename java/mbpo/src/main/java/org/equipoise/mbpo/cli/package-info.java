/** The command line's entry and what every command shares. */
@NullMarked
package org.equipoise.mbpo.cli;

import org.jspecify.annotations.NullMarked;
