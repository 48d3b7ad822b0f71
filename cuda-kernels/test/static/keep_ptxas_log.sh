#!/bin/sh
# keep_ptxas_log.sh FOLDER COMPILER ARGUMENT...: compiles one kernel file; what ptxas says of its kernels goes
# to FOLDER/<file>.log and the PTX for the oldest architecture to FOLDER/<file>.ptx, all else to stderr.
folder=$1
shift
op=
for argument in "$@"; do
  case $argument in
    *.cu) op=$(basename "$argument" .cu) ;;
  esac
done
[ -n "$op" ] || exec "$@"
"$@" 2> "$folder/$op.part"
status=$?
grep -v -e '^ptxas info' -e '^ *[0-9][0-9]* bytes stack frame' "$folder/$op.part" >&2
if [ $status -eq 0 ]; then
  mv "$folder/$op.part" "$folder/$op.log"
  for ptx in "$folder/kept/$op.compute_75.ptx" "$folder/kept/$op.ptx"; do
    [ ! -f "$ptx" ] || mv "$ptx" "$folder/$op.ptx"
  done
  rm -f "$folder/kept/$op".*
fi
exit $status
