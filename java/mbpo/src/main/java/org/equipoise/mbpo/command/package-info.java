/** Commands over checkpoints and files of a user's: mine, train, evaluate, generate, attack. */
package org.equipoise.mbpo.command;
