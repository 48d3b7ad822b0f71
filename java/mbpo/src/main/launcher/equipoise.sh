#!/bin/sh
# Runs the command line: equipoise.sh COMMAND ... with the Java of JAVA_HOME, or the one on the path.
# Java takes the encoding of file names from the locale alone; that of LANG=C has no letters beyond ASCII.
case "$(locale charmap 2>/dev/null)" in
  ANSI_X3.4-1968 | US-ASCII) export LC_ALL=C.UTF-8 ;;
esac
# OpenMP threads that wait sleep; where LibTorch has GNU's OpenMP the program sees to that itself.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-PASSIVE}"
# OpenCV would write beside the sentence that a broken image is refused with.
export OPENCV_LOG_LEVEL="${OPENCV_LOG_LEVEL:-OFF}"
exec "${JAVA_HOME:+$JAVA_HOME/bin/}java" "@$(dirname "$0")/equipoise" "$@"
