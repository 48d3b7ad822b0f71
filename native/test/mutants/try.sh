# Sourced by the mutants' run.sh of CPU and CUDA code: what trying one mutant needs. Runs in a scratch folder.

# mutate FILE LINE COLUMN FROM TO: FILE with FROM replaced at that place; TO "(nothing)" removes it.
mutate() {
  local to=$5
  [ "$to" != "(nothing)" ] || to=
  awk -v l="$2" -v c="$3" -v from="$4" -v to="$to" \
    'NR == l { $0 = substr($0, 1, c - 1) to substr($0, c + length(from)) } { print }' "$1"
}

# passes FOLDER SECONDS PROGRAM...: whether PROGRAM passes over the library in FOLDER; 124: it did not end in time.
passes() (
  exec > "$1/output.txt" 2>&1
  LD_LIBRARY_PATH=$1 timeout "${@:2}" || exit  # a shell that says here what ended it
)

# judge COMMAND...: runs the tests of one mutant; sets $verdict unless they pass.
judge() {
  local status=0
  "$@" || status=$?
  [ $status = 0 ] || verdict=killed
  [ $status != 124 ] || verdict=endless
}

# A mutant that runs far longer than the unmutated code does, also on a busy machine, does not end.
limit_since() { echo $((30 + 10 * (SECONDS - $1))); }

# once NAME COMMAND...: runs COMMAND for the first that asks, others wait; ends the whole run where it fails.
once() {
  (
    flock 9
    [ ! -e "once-$1.failed" ] || exit 1
    [ -e "once-$1.done" ] || { "${@:2}" && : > "once-$1.done"; } || { : > "once-$1.failed"; exit 1; }
  ) 9> "once-$1.lock" || exit 255  # which stops xargs
}

# try_all: every mutant of chosen.txt by try_mutant NUMBER, which writes its line by result; then results.txt.
try_all() {
  seq 1 "$(wc -l < chosen.txt)" | xargs -r -P "$jobs" -n 1 bash -c 'try_mutant "$0"' ||
    { echo "FAILED: the run ended before all mutants were tried" >&2; exit 1; }
  find . -maxdepth 1 -name "result-*.txt" -exec cat {} + > results.txt
}
# result NUMBER: of the variables that try_mutant read and $verdict. The sample stands last in chosen.txt.
result() {
  local origin=chosen
  [ "$1" -le $(($(wc -l < chosen.txt) - $(wc -l < sample.txt))) ] || origin=sample
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$verdict" "$path" "$line" "$from" "$to" "$text" "$origin" > "result-$1.txt"
}
export -f mutate passes judge limit_since once result
