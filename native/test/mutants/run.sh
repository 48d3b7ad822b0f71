#!/usr/bin/env bash
# run.sh [--count N | --all] [--jobs N] [--only TEXT]: shows that the test suite notices mistakes.
#
# Makes mutants of src/math, src/ops and src/cpu by rule (generate.awk), builds each in a scratch copy
# and runs the tests of the op it touches. A mutant that no test fails on is a survivor and must be
# argued to be equivalent in equivalent.txt; otherwise this script fails. First the unmutated tree must
# pass. --count takes that many, evenly spread over all (default 40); --all tries each of the about 1500.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
native=$(cd "$here/../.." && pwd)
. "$here/account.sh"
count=40 jobs=2 only=
while [ $# -gt 0 ]; do
  case $1 in
    --count) count=$2; shift 2 ;;
    --all) count=0; shift ;;
    --jobs) jobs=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    *) echo "expected --count N, --all, --jobs N or --only TEXT, found '$1'" >&2; exit 2 ;;
  esac
done
started=$SECONDS
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export scratch native
cp -r "$native/include" "$native/src" "$native/test" "$scratch/"
cd "$scratch"

# --- Build once -------------------------------------------------------------------------------------
# One instruction set is mutated; the others are compiled because the dispatcher names them.
isa=baseline
grep -q avx2 /proc/cpuinfo && grep -q fma /proc/cpuinfo && isa=avx2
export isa CXX=${CXX:-c++}
flags() {
  case $1 in
    avx2) echo "-mavx2 -mfma" ;;
    avx512) echo "-mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl" ;;
  esac
}
export base="-std=c++17 -O1 -fPIC -w -ffp-contract=off -fno-math-errno -fno-exceptions -fno-rtti -DEQP_BUILD -DEQP_STREAM_BYTES=4096"
cpu_flags="$base -DEQP_ISA=$isa $(flags $isa)"
export cpu_flags
version='-DEQP_VERSION_TEXT="0.0.0"'
export version
mkdir -p objects tests
{
  for file in src/cpu/*.cpp; do
    for each in baseline avx2 avx512; do
      level=-O0
      [ $each = $isa ] && level=-O1
      echo "$CXX $base $level -DEQP_ISA=$each $(flags $each) -Iinclude -Isrc -c $file -o objects/$each-$(basename "$file" .cpp).o"
    done
  done
  for file in src/ops/*.cpp src/abi/*.cpp; do
    echo "$CXX $base -DEQP_VERSION_TEXT='\"0.0.0\"' -Iinclude -Isrc -c $file -o objects/$(basename "$(dirname "$file")")-$(basename "$file" .cpp).o"
  done
  for file in test/harness/*.cpp test/conformance/*.cpp test/contract/{defaults_test,legal_call,pair_loss_refusals_test,philox_test,refusals_test}.cpp; do
    echo "$CXX -std=c++17 -O1 -w -fPIC -Itest -Iinclude -c $file -o tests/$(basename "$(dirname "$file")")-$(basename "$file" .cpp).o"
  done
  echo "$CXX -std=c++17 -O1 -w -fPIC -Itest -Iinclude -c test/contract/main.cpp -o tests/main_contract.o"
  echo "$CXX -std=c++17 -O1 -w -DEQP_ISA=$isa -Itest -Iinclude -c test/math/main.cpp -o tests/main_elementary.o"
  echo "$CXX -std=c++17 -O1 -w $(flags $isa) -DEQP_ISA=$isa -Itest -Iinclude -Isrc -c test/math/elementary_test.cpp -o elementary.o"
} | xargs -P "$jobs" -d '\n' -I{} sh -c '{}'
mv tests/conformance-main.o tests/main_conformance.o
link_library() { "$CXX" -shared -o "$1/libequipoise.so" "$1"/*.o -lpthread -ldl; }
link_library objects
link_program() { "$CXX" -o "$1" -x none "${@:2}" $(ls tests/*.o | grep -v main_) -Lobjects -lequipoise -lpthread -ldl; }
link_program tests/conformance tests/main_conformance.o
link_program tests/contract tests/main_contract.o
link_program tests/elementary tests/main_elementary.o elementary.o
export EQP_CPU_VARIANT=$isa EQP_TEST_FAIL_FAST=1

# --- The unmutated tree must pass -------------------------------------------------------------------
unmutated() { # unmutated PROGRAM [ARGUMENT...]
  LD_LIBRARY_PATH=objects "tests/$1" "${@:2}" > "tests/$1.txt" 2>&1 ||
    { echo "FAILED: the unmutated tree does not pass $*:"; grep FAILED "tests/$1.txt"; exit 1; }
}
# A mutant that runs far longer than its unmutated suite does, also on a busy machine, does not end.
limit_since() { echo $((30 + 10 * (SECONDS - $1))); }
run_started=$SECONDS
unmutated elementary
unmutated contract
export limit_s=$(limit_since $run_started)
mkdir limits
for file in src/ops/*.cpp; do
  op=$(basename "$file" .cpp) suite_started=$SECONDS
  unmutated conformance --filter "$op"
  limit_since $suite_started > "limits/$op"
done

# --- Mutants ----------------------------------------------------------------------------------------
# Only lines that reach the compiler count: the other instruction sets' branches are not built here.
for file in src/cpu/*.cpp src/ops/*.cpp; do
  $CXX $cpu_flags -Iinclude -Isrc -E "$file"
done | awk -v root="" '
  /^# [0-9]+ "/ { line = $2; file = $3; gsub(/"/, "", file); next }
  { if (file ~ /^src\// && NF > 0) print file "\t" line; ++line }' | sort -u > active.txt
: > all.txt
for file in src/math/*.h src/cpu/*.cpp src/cpu/images.h src/cpu/masked.h src/cpu/pair_sort.h src/ops/*.cpp src/ops/images.h; do
  awk -F'\t' -v f="$file" '$1 == f { print $2 }' active.txt > lines.txt
  awk -v path="$file" -v active=lines.txt -v rules=test/mutants/rules.txt -f test/mutants/generate.awk "$file" >> all.txt
done
[ -z "$only" ] || { grep -F "$only" all.txt > some.txt || true; mv some.txt all.txt; }
total=$(wc -l < all.txt)
[ "$total" -gt 0 ] || { echo "no place of the sources matches '$only'" >&2; exit 2; }
[ "$count" -gt 0 ] && [ "$count" -lt "$total" ] || count=$total
# Evenly spread, starting half a step in.
awk -v n="$count" -v total="$total" 'BEGIN { if (n > 0) next_one = 0.5 * total / n } NR > next_one { print; next_one += total / n }' all.txt > chosen.txt

judge() { # judge PROGRAM SECONDS [ARGUMENT...]: whether it notices the mutant in $dir
  [ $verdict = survived ] || return 0
  local status=0
  LD_LIBRARY_PATH=$dir timeout "$2" "$1" "${@:3}" > "$dir/out.txt" 2>&1 || status=$?
  [ $status = 0 ] || verdict=killed
  [ $status != 124 ] || verdict=endless
}
try_mutant() {
  local number=$1 path line column from to dir files op program
  IFS=$'\t' read -r path line column from to < <(sed -n "${number}p" chosen.txt | sed 's/\t\t/\t\x01\t/g; s/\t$/\t\x01/')
  to=${to//$'\x01'/}
  dir=$scratch/mutant-$number
  mkdir -p "$dir"
  cp -r src "$dir/src"
  awk -v l="$line" -v c="$column" -v from="$from" -v to="$to" \
    'NR == l { $0 = substr($0, 1, c - 1) to substr($0, c + length(from)) } { print }' "src/${path#src/}" > "$dir/src/${path#src/}"
  cp objects/*.o "$dir/"
  op=$(basename "$path"); op=${op%.*}
  case $op in
    pair_loss_kinds | pair_sort) op=pair_loss ;;
    policy_surrogate) op=policy_loss ;;
    soft_cap) op=token_log_probs ;;
  esac
  local verdict=survived programs="contract conformance" filter=$op
  case $path in
    src/ops/*.cpp) files=$path ;;
    src/ops/*.h) files=$(cd src && ls ops/*.cpp | sed 's|^|src/|'); filter= ;;
    src/cpu/*.cpp | src/cpu/pair_sort.h) files=src/cpu/$op.cpp; programs=conformance ;;
    src/math/*_*.h) files="src/cpu/$op.cpp src/ops/$op.cpp" ;;
    *) files=$(cd src && ls cpu/*.cpp | sed 's|^|src/|'); programs="elementary conformance"; filter= ;;
  esac
  for file in $files; do
    local object definitions
    case $file in
      src/ops/*) object=ops-$(basename "$file" .cpp).o; definitions=$base ;;
      *) object=$isa-$(basename "$file" .cpp).o; definitions=$cpu_flags ;;
    esac
    (cd "$dir" && $CXX $definitions -I"$scratch/include" -Isrc -c "$file" -o "$object") 2> /dev/null || verdict=unbuildable
    [ $verdict = survived ] || break
  done
  if [ $verdict = survived ]; then
    if [ "${programs%% *}" = elementary ]; then
      $CXX -std=c++17 -O1 -w ${cpu_flags#*-DEQP_ISA=$isa} -DEQP_ISA=$isa -Itest -Iinclude -I"$dir/src" \
        -c test/math/elementary_test.cpp -o "$dir/elementary.main" 2> /dev/null &&
        link_program "$dir/elementary" tests/main_elementary.o "$dir/elementary.main" ||
        verdict=unbuildable
    fi
    "$CXX" -shared -o "$dir/libequipoise.so" "$dir"/*.o -lpthread -ldl 2> /dev/null || verdict=unbuildable
  fi
  for program in $programs; do
    case $program in
      elementary) judge "$dir/elementary" "$limit_s" ;;
      contract) judge tests/contract "$limit_s" ;;
      conformance)
        for op in ${filter:-$(ls limits)}; do
          judge tests/conformance "$(cat "limits/$op")" --filter "$op"
        done
        ;;
    esac
  done
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$verdict" "$path" "$line" "$from" "${to:-(nothing)}" \
    "$(sed -n "${line}p" "$path" | sed 's/^[ \t]*//; s/\t/ /g')" > "$scratch/result-$number.txt"
  rm -rf "$dir"
}
export -f judge link_program try_mutant
seq 1 "$(wc -l < chosen.txt)" | xargs -r -P "$jobs" -n 1 bash -c 'try_mutant "$0"'

# --- The account ------------------------------------------------------------------------------------
find . -maxdepth 1 -name "result-*.txt" -exec cat {} + > results.txt
account mutants "$here/equivalent.txt" 0 "$started"
