#!/usr/bin/env bash
# run.sh [BUILD] [--count N | --all] [--jobs N] [--only TEXT] [--recheck]: shows that the proof notices mistakes.
#
# Makes mutants of the kernel files by rule (rules.txt), compiles each for the execution model and runs
# the short conformance suite of its op and the traffic test. A mutant that neither fails on is a survivor
# and must be argued to be equivalent in equivalent.txt; otherwise this script fails. BUILD is a CMake
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
# passes FOLDER FILTER SECONDS: whether both tests pass over the library in FOLDER
passes() {
  LD_LIBRARY_PATH=$1 timeout "$3" "$build/bin/cuda-traffic" --check "$kernels/README.md" > "$1/traffic.txt" 2>&1 &&
    LD_LIBRARY_PATH=$1 timeout "$3" "$build/bin/cuda-conformance" --short --filter "$2" > "$1/conformance.txt" 2>&1
}
export -f compile link passes

# --- The unmutated kernels must pass ----------------------------------------------------------------
mkdir objects
sources=$(cd cuda-kernels && ls ./*.cu | sed 's|./||')
for source in $sources; do
  echo "compile $scratch/cuda-kernels $source $scratch/objects/$source.o -c"
done | xargs -P "$jobs" -d '\n' -I{} bash -c '{}'
"$CXX" -I"$kernels" @"$flags" -fno-sanitize=thread -w -c "$kernels/table.cpp" -o table.o
"$CXX" -I"$kernels" @"$flags" -fno-sanitize=thread -w -c "$kernels/test/model/library.cpp" -o library.o
link "$scratch/objects"
run_started=$SECONDS
passes "$scratch/objects" "" 3600 || { echo "FAILED: the unmutated kernels do not pass:"; grep -h FAILED objects/*.txt; exit 1; }
# A mutant that runs this long does not end: far more than the tests of one op, or of all, need, also on
# a busy machine.
export op_limit_s=$((30 + SECONDS - run_started)) all_limit_s=$((60 + 3 * (SECONDS - run_started)))

# --- Mutants ----------------------------------------------------------------------------------------
# Only lines that reach the compiler count.
for source in $sources; do
  compile "$scratch/cuda-kernels" "$source" /dev/stdout -E
done | awk -v prefix="$scratch/cuda-kernels/" '
  /^# [0-9]+ "/ { line = $2; file = $3; gsub(/"/, "", file); next }
  { if (index(file, prefix) == 1 && NF > 0) print substr(file, length(prefix) + 1) "\t" line; ++line }' | sort -u > active.txt
: > all.txt
for file in $sources vector.h reduce.h rows.h planes.h launch.h; do
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
    if argued "$here/equivalent.txt" "$path" "$from" "${to:-(nothing)}" "$text"; then
      left_out=$((left_out + 1))
    else
      printf '%s\t%s\t%s\t%s\t%s\n' "$path" "$line" "$column" "$from" "$to" >> open.txt
    fi
  done < <(sed 's/\t$/\t(nothing)/' all.txt)
  sed 's/\t(nothing)$/\t/' open.txt > all.txt
fi
total=$(wc -l < all.txt)
[ $((total + left_out)) -gt 0 ] || { echo "no place of the kernel files matches '$only'" >&2; exit 2; }
[ "$count" -gt 0 ] && [ "$count" -lt "$total" ] || count=$total
awk -v n="$count" -v total="$total" 'BEGIN { if (n > 0) next_one = 0.5 * total / n } NR > next_one { print; next_one += total / n }' all.txt > chosen.txt

try_mutant() {
  local number=$1 path line column from to dir verdict=survived filter= mutated source
  IFS=$'\t' read -r path line column from to < <(sed -n "${number}p" chosen.txt | sed 's/\t$/\t\x01/')
  to=${to//$'\x01'/}
  dir=$scratch/mutant-$number
  mkdir -p "$dir"
  cp objects/*.o "$dir/"
  cp -r cuda-kernels "$dir/cuda-kernels"
  awk -v l="$line" -v c="$column" -v from="$from" -v to="$to" \
    'NR == l { $0 = substr($0, 1, c - 1) to substr($0, c + length(from)) } { print }' "cuda-kernels/$path" > "$dir/cuda-kernels/$path"
  mutated=$path
  [ "${path%.cu}" != "$path" ] && filter=${path%.cu} || mutated=$(cd cuda-kernels && ls ./*.cu | sed 's|./||')
  for source in $mutated; do
    compile "$dir/cuda-kernels" "$source" "$dir/$source.o" -c 2> /dev/null || { verdict=unbuildable; break; }
  done
  if [ $verdict = survived ]; then
    link "$dir" 2> /dev/null || verdict=unbuildable
  fi
  if [ $verdict = survived ]; then
    local status=0 limit_s=$op_limit_s
    [ -n "$filter" ] || limit_s=$all_limit_s
    passes "$dir" "$filter" "$limit_s" || status=$?
    [ $status = 0 ] || verdict=killed
    [ $status != 124 ] || verdict=endless
  fi
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$verdict" "$path" "$line" "$from" "${to:-(nothing)}" \
    "$(sed -n "${line}p" "cuda-kernels/$path" | sed 's/^[ \t]*//; s/[ \t]*\\*$//; s/\t/ /g')" > "result-$number.txt"
  rm -rf "$dir"
}
export -f try_mutant
seq 1 "$(wc -l < chosen.txt)" | xargs -r -P "$jobs" -n 1 bash -c 'try_mutant "$0"'

# --- The account ------------------------------------------------------------------------------------
find . -maxdepth 1 -name "result-*.txt" -exec cat {} + > results.txt
account "mutants of the CUDA kernels" "$here/equivalent.txt" "$left_out" "$started"
