#!/usr/bin/env bash
# run.sh [BUILD] [--count N | --all] [--jobs N] [--only TEXT] [--recheck]: shows that the proof notices mistakes.
#
# Makes mutants of the kernel files and their headers by rule (rules.txt), compiles each for the execution
# model and runs the traffic test and the short conformance suites of the ops it touches. A mutant that
# neither fails on is a survivor and must be argued to be equivalent in equivalent.txt; otherwise this
# script fails. BUILD is a CMake
# build folder of native/ with the tests of the CUDA kernels (default native/target/cmake). --count takes
# that many mutants, evenly spread over all; --all, the default, each of them. --only those whose
# "file line" contains TEXT. Mutants whose equivalence is argued are left out, unless --recheck.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kernels=$(cd "$here/../.." && pwd)
native=$(cd "$kernels/../native" && pwd)
. "$native/test/mutants/account.sh"
build=$native/target/cmake count=0 jobs=2 only= recheck=no
while [ $# -gt 0 ]; do
  case $1 in
    --count) count=$2; shift 2 ;;
    --all) count=0; shift ;;
    --jobs) jobs=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    --recheck) recheck=yes; shift ;;
    -*) echo "expected --count N, --all, --jobs N, --only TEXT or --recheck, found '$1'" >&2; exit 2 ;;
    *) build=$(cd "$1" && pwd); shift ;;
  esac
done
flags=$build/model/compile_flags.txt
[ -x "$build/bin/cuda-conformance" ] && [ -f "$flags" ] || {
  echo "$build: expected a build with the tests of the CUDA kernels; they need nvcc, g++ and x86-64" >&2
  exit 2
}
started=$SECONDS
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export scratch build kernels native flags CXX=${CXX:-c++} EQP_TEST_FAIL_FAST=1
cp -r "$kernels" "$scratch/cuda-kernels"
cp -r "$native/test/mutants/generate.awk" "$scratch/"
cd "$scratch"

compile() { # compile KERNELS_FOLDER SOURCE OBJECT [-E]
  "$CXX" -I"$1" @"$flags" -Werror -x c++ "${@:4}" "$1/$2" -o "$3"
}
link() { # link FOLDER: the library from its objects; libequipoise looks for it beside itself
  ln -sf "$build"/model/libequipoise.so "$build"/model/libequipoise_model.so "$1/"
  "$CXX" -shared "$1"/*.o "$scratch/table.o" "$scratch/library.o" -o "$1/libequipoise_cuda.so" -L"$build/model" -lequipoise_model
}
# passes FOLDER SECONDS PROGRAM...: whether a test passes over the library in FOLDER, and in time
passes() (
  exec > "$1/output.txt" 2>&1
  LD_LIBRARY_PATH=$1 timeout "$2" "$build/bin/$3" "${@:4}" || exit  # a shell that says here what ended it
)
traffic_passes() { # traffic_passes FOLDER SECONDS SOURCE
  passes "$1" "$2" cuda-traffic --check "$kernels/README.md" "${3%.cu}"
}
conformance_passes() { # conformance_passes FOLDER SECONDS SOURCE
  passes "$1" "$2" cuda-conformance --short --filter "${3%.cu}"
}
export -f compile link passes traffic_passes conformance_passes

# --- Build once -------------------------------------------------------------------------------------
mkdir objects
sources=$(cd cuda-kernels && ls ./*.cu | sed 's|./||')
for source in $sources; do
  echo "compile $scratch/cuda-kernels $source $scratch/objects/$source.o -c"
done | xargs -P "$jobs" -d '\n' -I{} bash -c '{}'
"$CXX" -I"$kernels" @"$flags" -fno-sanitize=thread -w -c "$kernels/table.cpp" -o table.o
"$CXX" -I"$kernels" @"$flags" -fno-sanitize=thread -w -c "$kernels/test/model/library.cpp" -o library.o
link "$scratch/objects"

# --- Choose mutants ---------------------------------------------------------------------------------
# Only lines that reach the compiler count.
for source in $sources; do
  compile "$scratch/cuda-kernels" "$source" /dev/stdout -E | awk -v prefix="$scratch/cuda-kernels/" -v source="$source" '
    /^# [0-9]+ "/ { line = $2; file = $3; gsub(/"/, "", file); next }
    { if (index(file, prefix) == 1 && NF > 0) print substr(file, length(prefix) + 1) "\t" line "\t" source; ++line }'
done | grep -v ^test/ | sort -u > active.txt
: > all.txt
for file in $(cut -f1 active.txt | sort -u); do
  # A macro stands in one line for the compiler: all lines of its definition count where it is used.
  { awk -F'\t' -v f="$file" '$1 == f { print $2 }' active.txt
    awk '/\\$/ { print FNR } ' "cuda-kernels/$file"; } | sort -nu > lines.txt
  awk -v path="$file" -v active=lines.txt -v rules="$here/rules.txt" -f generate.awk "cuda-kernels/$file" >> all.txt
done
[ -z "$only" ] || { awk -F'\t' -v t="$only" 'index($1 " " $2, t)' all.txt > some.txt; mv some.txt all.txt; }
# Where equivalence is argued already, there is nothing to find out.
left_out=0
: > open.txt
if [ "$recheck" = no ]; then
  while IFS=$'\t' read -r path line column from to; do
    text=$(sed -n "${line}p" "cuda-kernels/$path" | sed 's/^[ \t]*//; s/[ \t]*\\*$//; s/\t/ /g')
    printf '%s\n' "$path | $from | ${to:-(nothing)} | $text" "$path | any | $text" >> places.txt
    if argued "$here/equivalent.txt" "$path" "$from" "${to:-(nothing)}" "$text"; then
      left_out=$((left_out + 1))
    else
      printf '%s\t%s\t%s\t%s\t%s\n' "$path" "$line" "$column" "$from" "$to" >> open.txt
    fi
  done < <(sed 's/\t$/\t(nothing)/' all.txt)
  sed 's/\t(nothing)$/\t/' open.txt > all.txt
  # An argument about a line that is no longer there would hide the next one that reads like it.
  if [ -z "$only" ] && grep ' | ' "$here/equivalent.txt" | grep -v '^#' | grep -vxF -f places.txt; then
    echo "equivalent.txt: expected places that exist, found those above" >&2
    exit 1
  fi
fi
total=$(wc -l < all.txt)
[ $((total + left_out)) -gt 0 ] || { echo "no place of the kernel files matches '$only'" >&2; exit 2; }
[ "$count" -gt 0 ] && [ "$count" -lt "$total" ] || count=$total
awk -v n="$count" -v total="$total" 'BEGIN { if (n > 0) next_one = 0.5 * total / n } NR > next_one { print; next_one += total / n }' all.txt > chosen.txt
touched() { # touched FILE: the kernel file itself, or those that include the header
  awk -F'\t' -v f="$1" '$1 == f { print $3 }' active.txt | sort -u
}
export -f touched

# --- The unmutated kernels must pass ----------------------------------------------------------------
# A mutant that runs longer than that does not end: far more than the unmutated kernels need, also on a
# busy machine.
limit_after() {
  echo $((20 + 5 * (SECONDS - $1)))
}
unmutated_fail() {
  echo "FAILED: the unmutated kernels do not pass:"
  grep -h FAILED objects/output.txt
  exit 1
}
for source in $(for file in $(cut -f1 chosen.txt | sort -u); do touched "$file"; done | sort -u); do
  run_started=$SECONDS
  { traffic_passes "$scratch/objects" 600 "$source" && conformance_passes "$scratch/objects" 600 "$source"; } ||
    unmutated_fail
  limit_after $run_started > "$source.limit"
done

# --- Try them ---------------------------------------------------------------------------------------
try_mutant() {
  local number=$1 path line column from to dir verdict=survived status limit source
  IFS=$'\t' read -r path line column from to < <(sed -n "${number}p" chosen.txt | sed 's/\t$/\t\x01/')
  to=${to//$'\x01'/}
  dir=$scratch/mutant-$number
  mkdir -p "$dir"
  cp objects/*.o "$dir/"
  cp -r cuda-kernels "$dir/cuda-kernels"
  awk -v l="$line" -v c="$column" -v from="$from" -v to="$to" \
    'NR == l { $0 = substr($0, 1, c - 1) to substr($0, c + length(from)) } { print }' "cuda-kernels/$path" > "$dir/cuda-kernels/$path"
  for source in $(touched "$path"); do
    { compile "$dir/cuda-kernels" "$source" "$dir/$source.o" -c && link "$dir"; } 2> /dev/null ||
      { verdict=unbuildable; break; }
    status=0
    limit=$(cat "$source.limit")
    traffic_passes "$dir" "$limit" "$source" && conformance_passes "$dir" "$limit" "$source" || status=$?
    [ $status = 0 ] || verdict=killed
    [ $status != 124 ] || verdict=endless
    [ $verdict = survived ] || break
  done
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$verdict" "$path" "$line" "$from" "${to:-(nothing)}" \
    "$(sed -n "${line}p" "cuda-kernels/$path" | sed 's/^[ \t]*//; s/[ \t]*\\*$//; s/\t/ /g')" > "result-$number.txt"
  rm -rf "$dir"
}
export -f try_mutant
seq 1 "$(wc -l < chosen.txt)" | xargs -r -P "$jobs" -n 1 bash -c 'try_mutant "$0"'

# --- The account ------------------------------------------------------------------------------------
find . -maxdepth 1 -name "result-*.txt" -exec cat {} + > results.txt
account "mutants of the CUDA kernels" "$here/equivalent.txt" "$left_out" "$started"
