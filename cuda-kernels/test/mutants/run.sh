#!/usr/bin/env bash
# run.sh [BUILD] [--count N | --all] [--seed TEXT] [--changed COMMIT] [--changed-limit N] [--jobs N]
#        [--only TEXT] [--recheck]: shows that the proof notices mistakes.
#
# Makes mutants of the kernel files and their headers by rule (rules.txt), compiles each for the execution
# model and runs the traffic test and the short conformance suites of the ops it touches, until one fails. A
# mutant that none fails on is a survivor and must be argued to be equivalent in equivalent.txt; otherwise this
# script fails. The unmutated kernels must pass the same tests.
#
# BUILD: an up-to-date CMake build folder of native/ with the tests of the CUDA kernels (default
# native/target/cmake); its test programs are used, and its objects of the kernels that no mutant touches.
# --count: that many mutants, evenly spread over all that are possible. --all, the default: every one.
# --seed: where that sample starts; another text gives another sample, the same text the same one.
# --changed: also every mutant of lines that differ from COMMIT, in the working tree or in commits since; if
# there are more than --changed-limit (default 60), so many of them, evenly spread. The sample is of the others
# (--count, then 40 if not given). --only: those whose "path line" contains TEXT.
# Mutants whose equivalence is argued are left out, unless --recheck.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kernels=$(cd "$here/../.." && pwd)
native=$(cd "$kernels/../native" && pwd)
. "$native/test/mutants/account.sh"
. "$native/test/mutants/choose.sh"
. "$native/test/mutants/try.sh"
build=$native/target/cmake command=$0
while [ $# -gt 0 ]; do
  case $1 in
    -*) choice_option "$@"; shift "$taken" ;;
    *) build=$(cd "$1" && pwd) command="$0 $1"; shift ;;
  esac
done
[ -n "$count" ] || { [ -n "$changed" ] && count=40 || count=all; }
flags=$build/model/compile_flags.txt
[ -x "$build/bin/cuda-conformance" ] && [ -f "$flags" ] && [ -f "$build/model/kernel_objects.txt" ] || {
  echo "$build: expected a build with the tests of the CUDA kernels; they need nvcc, g++ and x86-64" >&2
  exit 2
}
started=$SECONDS
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export LC_ALL=C  # one order of the files everywhere
export scratch build kernels flags CXX=${CXX:-c++} EQP_TEST_FAIL_FAST=1
mkdir "$scratch/cuda-kernels"
cp "$kernels"/*.cu "$kernels"/*.h "$scratch/cuda-kernels/"
cd "$scratch"

# --- The compiler -----------------------------------------------------------------------------------
compile() { # compile KERNELS_FOLDER SOURCE OBJECT -c|-E
  # A warning about && beside || would leave the very mutants out that drop or weaken a condition.
  "$CXX" -I"$1" @"$flags" -Werror -Wno-parentheses -x c++ "${@:4}" "$1/$2" -o "$3"
}
# link FOLDER: the library from the objects in FOLDER, the others from objects/; libequipoise looks for it
# beside itself.
link() {
  local object list=()
  for object in objects/*.o; do
    [ ! -f "$1/${object##*/}" ] || object=$1/${object##*/}
    list+=("$object")
  done
  ln -sf "$build"/model/libequipoise.so "$build"/model/libequipoise_model.so "$1/"
  "$CXX" -shared "${list[@]}" table.o library.o -o "$1/libequipoise_cuda.so" -L"$build/model" -lequipoise_model
}
tests_pass() { # tests_pass FOLDER SOURCE SECONDS
  passes "$1" "$3" "$build/bin/cuda-traffic" --check "$kernels/README.md" "${2%.cu}" &&
    passes "$1" "$3" "$build/bin/cuda-conformance" --short --filter "${2%.cu}"
}
export -f compile link tests_pass

# --- Choose mutants ---------------------------------------------------------------------------------
# Only lines that reach the compiler count.
sources=$(cd cuda-kernels && ls -- *.cu)
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
  awk -v path="$file" -v active=lines.txt -v rules="$here/rules.txt" -f "$native/test/mutants/generate.awk" "cuda-kernels/$file" >> all.txt
done
only_matching
leave_out_argued "$here/equivalent.txt"
# An argument about a line that is no longer there would hide the next one that reads like it.
if [ -z "$only" ] && [ -s gone.txt ]; then
  cat gone.txt
  echo "equivalent.txt: expected places that exist, found those above" >&2
  exit 1
fi
choose "mutants of the CUDA kernels" "$kernels" "$command"
# touched FILE: the kernel file itself, or those that include the header, the shortest first.
ls -Sr cuda-kernels/*.cu | sed 's|.*/||' > order.txt
touched() {
  awk -F'\t' -v f="$1" 'FNR == NR { if ($1 == f) touched[$3] = 1; next } $1 in touched' active.txt order.txt
}
export -f touched

# --- Build once -------------------------------------------------------------------------------------
# Kernels as the build has them; those that mutants touch are compiled anew before their tests.
mkdir objects
while read -r object; do
  name=${object##*/}
  ln -s "$object" "objects/${name%.cpp.o}.cu.o"
done < "$build/model/kernel_objects.txt"
"$CXX" -I"$kernels" @"$flags" -fno-sanitize=thread -w -c "$kernels/table.cpp" -o table.o
"$CXX" -I"$kernels" @"$flags" -fno-sanitize=thread -w -c "$kernels/library.cpp" -o library.o

# --- Try them ---------------------------------------------------------------------------------------
unmutated() { # unmutated SOURCE: the unmutated kernel must pass the tests; notes how long a mutant may take
  local started folder=$scratch/unmutated-$1
  mkdir "$folder"
  compile cuda-kernels "$1" "$folder/$1.o" -c && link "$folder" || return
  started=$SECONDS
  tests_pass "$folder" "$1" 600 || {
    echo "FAILED: the unmutated kernels do not pass the tests of ${1%.cu}:"
    cat "$folder/output.txt"
    return 1
  }
  limit_since $started > "limit-$1"
}
try_mutant() {
  local path line column from to text folder=$scratch/mutant-$1 source verdict=survived
  IFS=$'\t' read -r path line column from to text < <(sed -n "$1p" chosen.txt)
  mkdir "$folder"
  cp -r cuda-kernels "$folder/"
  mutate "cuda-kernels/$path" "$line" "$column" "$from" "$to" > "$folder/cuda-kernels/$path"
  for source in $(touched "$path"); do
    once "$source" unmutated "$source"
    { compile "$folder/cuda-kernels" "$source" "$folder/$source.o" -c && link "$folder"; } 2> /dev/null ||
      { verdict=unbuildable; break; }
    judge tests_pass "$folder" "$source" "$(cat "limit-$source")"
    [ $verdict = survived ] || break
  done
  result "$1"
  rm -rf "$folder"
}
export -f unmutated try_mutant
try_all

# --- The account ------------------------------------------------------------------------------------
account "mutants of the CUDA kernels" "$here/equivalent.txt" "$left_out" "$started"
