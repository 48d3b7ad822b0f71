#!/bin/sh
# Runs the command line: equipoise.sh COMMAND ... with the Java of JAVA_HOME, or the one on the path.
# Java takes the encoding of file names from the locale alone; that of LANG=C has no letters beyond ASCII.
case "$(locale charmap 2>/dev/null)" in
  ANSI_X3.4-1968 | US-ASCII) export LC_ALL=C.UTF-8 ;;
esac
exec "${JAVA_HOME:+$JAVA_HOME/bin/}java" "@$(dirname "$0")/equipoise" "$@"
