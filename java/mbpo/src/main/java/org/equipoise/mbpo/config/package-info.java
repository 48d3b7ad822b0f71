/** Settings from a YAML file and from the command line, over documented defaults. */
package org.equipoise.mbpo.config;
