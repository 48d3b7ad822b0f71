#!/usr/bin/env bash
# run.sh [BUILD] [--count N | --all] [--seed TEXT] [--changed COMMIT] [--changed-limit N] [--jobs N]
#        [--only TEXT] [--recheck]: shows that the test suite notices mistakes.
#
# Makes mutants of src/math, src/ops and src/cpu by rule (generate.awk), compiles each in a scratch copy and
# runs the tests of the ops it touches, the cheapest first, until one fails. A mutant that no test fails on is
# a survivor and must be argued to be equivalent in equivalent.txt; otherwise this script fails. The unmutated
# tree must pass the same tests.
#
# BUILD: an up-to-date CMake build folder of native/, whose test programs are used; without it they are built.
# --count: that many mutants (default 40), evenly spread over all that are possible, about 3800.
# --seed: where that sample starts; another text gives another sample, the same text the same one.
# --changed: also every mutant of lines that differ from COMMIT, in the working tree or in commits since; if
# there are more than --changed-limit (default 60), so many of them, evenly spread. The sample is of the others.
# --all: every mutant. --only: those whose "path line" contains TEXT.
# Mutants whose equivalence is argued are left out, unless --recheck.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
native=$(cd "$here/../.." && pwd)
. "$here/account.sh"
. "$here/choose.sh"
. "$here/try.sh"
build= command=$0
while [ $# -gt 0 ]; do
  case $1 in
    -*) choice_option "$@"; shift "$taken" ;;
    *)
      build=$(cd "$1" && pwd) command="$0 $1"
      shift
      for needed in bin/conformance bin/contract test/libequipoise_conformance.a; do
        [ -f "$build/$needed" ] || { echo "$build: expected a build of native/ with its tests, found no $needed" >&2; exit 2; }
      done
      ;;
  esac
done
count=${count:-40}
started=$SECONDS
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export LC_ALL=C  # one order of the files everywhere
cp -r "$native/include" "$native/src" "$native/test" "$scratch/"
cd "$scratch"

# --- The compiler -----------------------------------------------------------------------------------
# One instruction set is mutated, and the library holds no other.
isa=generic isa_flags=
if [ "$(uname -m)" = x86_64 ]; then
  isa=baseline
  grep -q avx2 /proc/cpuinfo && grep -q fma /proc/cpuinfo && isa=avx2 isa_flags="-mavx2 -mfma"
fi
base="-std=c++17 -O1 -fPIC -w -ffp-contract=off -fno-math-errno -fno-exceptions -fno-rtti -DEQP_BUILD -DEQP_STREAM_BYTES=4096"
cpu_flags="$base -DEQP_ISA=$isa $isa_flags"
test_flags="-std=c++17 -O1 -w -fPIC -Itest -Iinclude"
export scratch isa isa_flags base cpu_flags test_flags CXX=${CXX:-c++} EQP_CPU_VARIANT=$isa EQP_TEST_FAIL_FAST=1

# compile FOLDER SOURCE OBJECT: headers and the source itself from FOLDER/src, where they are there
compile() {
  local flags=$base source=$2
  [ ! -f "$1/$2" ] || source=$1/$2
  case $2 in
    src/cpu/*) flags=$cpu_flags ;;
    src/abi/*) flags="$base -DEQP_VERSION_TEXT=\"0.0.0\" -DEQP_CPU_ISA_LIST=X($isa)" ;;
    test/math/*) flags="$test_flags $isa_flags -DEQP_ISA=$isa" ;;
  esac
  $CXX $flags -I"$1/src" -Isrc -Iinclude -c "$source" -o "$3"
}
object_of() { echo "$(basename "$(dirname "$1")")-$(basename "$1" .cpp).o"; }
link_library() { # link_library FOLDER: from the objects in FOLDER, the others from objects/
  local object list=()
  for object in objects/*.o; do
    [ ! -f "$1/${object##*/}" ] || object=$1/${object##*/}
    list+=("$object")
  done
  "$CXX" -shared -Wl,-soname,libequipoise.so -o "$1/libequipoise.so" "${list[@]}" -lpthread -ldl
}
link_program() { "$CXX" -o "$1" "${@:2}" "$harness" -Lobjects -lequipoise -lpthread -ldl; }
export -f compile object_of link_library link_program

# --- Choose mutants ---------------------------------------------------------------------------------
# Only lines that reach the compiler count: the other instruction sets' branches are not built here.
elementary=test/math/elementary_test.cpp
for source in src/cpu/*.cpp src/ops/*.cpp $elementary; do
  $CXX $cpu_flags -Itest -Iinclude -Isrc -E "$source" | awk -v source="$source" '
    /^# [0-9]+ "/ { line = $2; file = $3; gsub(/"/, "", file); next }
    { if (file ~ /^src\// && NF > 0) print file "\t" line "\t" source; ++line }'
done | sort -u > active.txt
: > all.txt
for file in src/math/*.h src/cpu/*.cpp src/cpu/images.h src/cpu/masked.h src/cpu/pair_sort.h src/ops/*.cpp src/ops/images.h; do
  awk -F'\t' -v f="$file" '$1 == f { print $2 }' active.txt | sort -nu > lines.txt
  awk -v path="$file" -v active=lines.txt -v rules=test/mutants/rules.txt -f test/mutants/generate.awk "$file" >> all.txt
done
only_matching
leave_out_argued "$here/equivalent.txt"
choose mutants "$native" "$command"

# users.txt: file, op whose sources include it, source. Ops in the order in which they are tried: the
# building blocks' own test, then the ops with the least source, which compile in a tenth of the time that the
# others take.
cut -f1,3 active.txt | sort -u > includes.txt
for op in elementary $(wc -c src/cpu/*.cpp | sort -n | awk '/\.cpp$/ { sub(/.*\//, ""); sub(/\.cpp$/, ""); if ($0 != "table") print }'); do
  awk -F'\t' -v op="$op" -v elementary="$elementary" '
    $2 == (op == "elementary" ? elementary : "src/cpu/" op ".cpp") || $2 == "src/ops/" op ".cpp" { print $1 "\t" op "\t" $2 }' includes.txt
done > users.txt
ops_of() { awk -F'\t' -v f="$1" '$1 == f && $2 != last { print last = $2 }' users.txt; }
sources_of() { awk -F'\t' -v f="$1" -v op="$2" '$1 == f && $2 == op { print $3 }' users.txt; }
export -f ops_of sources_of

# --- Build once -------------------------------------------------------------------------------------
mkdir -p objects tests
{
  for file in src/cpu/*.cpp src/ops/*.cpp src/abi/*.cpp; do
    echo "compile objects $file objects/$(object_of "$file")"
  done
  if [ -z "$build" ]; then
    for file in test/harness/*.cpp test/conformance/*.cpp test/contract/{main,defaults_test,legal_call,pair_loss_refusals_test,philox_test,refusals_test}.cpp; do
      echo "$CXX $test_flags -c $file -o tests/$(object_of "$file")"
    done
  fi
} | xargs -P "$jobs" -d '\n' -I{} bash -c '{}'
link_library objects
programs=$build/bin harness=$build/test/libequipoise_conformance.a
if [ -z "$build" ]; then
  programs=$scratch/tests harness=$scratch/tests/libharness.a
  mv tests/conformance-main.o tests/main.o
  ar rcs "$harness" tests/harness-*.o tests/conformance-*.o
  link_program tests/conformance tests/main.o
  link_program tests/contract tests/contract-*.o
fi
export programs harness
# A library of nothing in the place of ours: a program that passes over it runs another one.
mkdir empty
"$CXX" -shared -fPIC -Wl,-soname,libequipoise.so -x c++ /dev/null -o empty/libequipoise.so
for program in contract "conformance --filter image_norms"; do
  ! passes empty 600 "$programs/"$program || {
    echo "FAILED: $programs/$program passes without the library that the mutants are built into; it finds one elsewhere" >&2
    exit 1
  }
done

# --- Try them ---------------------------------------------------------------------------------------
build_elementary() { # build_elementary FOLDER
  compile "$1" test/math/elementary_test.cpp "$1/elementary.main" &&
    link_program "$1/elementary" tests/main_elementary.o "$1/elementary.main"
}
tests_pass() { # tests_pass FOLDER OP SECONDS
  if [ "$2" = elementary ]; then
    passes "$1" "$3" "$1/elementary"
  else
    passes "$1" "$3" "$programs/contract" && passes "$1" "$3" "$programs/conformance" --variant "$isa" --filter "$2"
  fi
}
unmutated() { # unmutated OP: the unmutated tree must pass the tests; notes how long a mutant may take
  local started=$SECONDS folder=$scratch/unmutated-$1
  mkdir "$folder"
  ln -s ../objects/libequipoise.so "$folder/"
  if [ "$1" = elementary ]; then
    $CXX $test_flags -DEQP_ISA=$isa -c test/math/main.cpp -o tests/main_elementary.o && build_elementary "$folder" || return
  fi
  tests_pass "$folder" "$1" 600 || {
    echo "FAILED: the unmutated tree does not pass the tests of $1:"
    cat "$folder/output.txt"
    return 1
  }
  limit_since $started > "limit-$1"
}
build_mutant() { # build_mutant FOLDER PATH OP: what the tests of OP need
  local source
  [ "$3" != elementary ] || { ln -sf ../objects/libequipoise.so "$1/"; build_elementary "$1"; return; }
  for source in $(sources_of "$2" "$3"); do
    compile "$1" "$source" "$1/$(object_of "$source")" || return
  done
  rm -f "$1/libequipoise.so"
  link_library "$1"
}
try_mutant() {
  local path line column from to text folder=$scratch/mutant-$1 op verdict=survived
  IFS=$'\t' read -r path line column from to text < <(sed -n "$1p" chosen.txt)
  mkdir -p "$folder/$(dirname "$path")"
  mutate "$path" "$line" "$column" "$from" "$to" > "$folder/$path"
  for op in $(ops_of "$path"); do
    once "$op" unmutated "$op"
    build_mutant "$folder" "$path" "$op" 2> /dev/null || { verdict=unbuildable; break; }
    judge tests_pass "$folder" "$op" "$(cat "limit-$op")"
    [ $verdict = survived ] || break
  done
  result "$1"
  rm -rf "$folder"
}
export -f build_elementary tests_pass unmutated build_mutant try_mutant
try_all

# --- The account ------------------------------------------------------------------------------------
account mutants "$here/equivalent.txt" "$left_out" "$started"
