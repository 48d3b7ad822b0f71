#!/bin/sh
# Runs the command line: equipoise.sh COMMAND ... with the Java of JAVA_HOME, or the one on the path.
exec "${JAVA_HOME:+$JAVA_HOME/bin/}java" "@$(dirname "$0")/equipoise" "$@"
