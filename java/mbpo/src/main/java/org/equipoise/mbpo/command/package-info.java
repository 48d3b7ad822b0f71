/** Commands over checkpoints and files of a user's: mine, train, evaluate, generate, attack. */
@NullMarked
package org.equipoise.mbpo.command;

import org.jspecify.annotations.NullMarked;
