#!/usr/bin/env bash
# check_symbols.sh LIBRARY [GLIBC]: what libequipoise shows to and asks of the world.
#   - it exports eqp_* and nothing else;
#   - it needs no glibc newer than GLIBC (default 2.28) and no library beyond the C library's own;
#   - it asks for no executable stack and no text relocations.
set -euo pipefail
library=$1
newest_allowed=${2:-2.28}
failed=0
fail() { echo "FAILED: $*"; failed=1; }

exported=$(nm -D --defined-only "$library" | awk '{ print $NF }' | sed 's/@.*//' | sort -u)
foreign=$(grep -v '^eqp_' <<<"$exported" || true)
[ -z "$foreign" ] || fail "expected only eqp_* exported, found: $(tr '\n' ' ' <<<"$foreign")"

# torch.h is the adapter's.
declared=$(cd "$(dirname "$0")/../../include/equipoise" && cat $(ls ./*.h | grep -v '/torch\.h$') |
  grep -oE '\beqp_[a-z0-9_]+\(' | tr -d '(' | sort -u)
missing=$(comm -23 <(echo "$declared") <(echo "$exported"))
extra=$(comm -13 <(echo "$declared") <(echo "$exported"))
[ -z "$missing" ] || fail "declared in the headers but not exported: $missing"
[ -z "$extra" ] || fail "exported but in no header: $extra"

newest=$(objdump -T "$library" | grep -oE 'GLIBC_[0-9.]+' | sed 's/GLIBC_//' | sort -Vu | tail -1)
[ "$(printf '%s\n%s\n' "$newest" "$newest_allowed" | sort -V | tail -1)" = "$newest_allowed" ] ||
  fail "expected at most glibc $newest_allowed, found $newest: $(objdump -T "$library" | grep "GLIBC_$newest" | awk '{ print $NF }' | tr '\n' ' ')"

for needed in $(objdump -p "$library" | awk '/NEEDED/ { print $2 }'); do
  case $needed in
    libc.so.6 | libm.so.6 | libpthread.so.0 | libdl.so.2 | ld-linux-*) ;;
    *) fail "expected no dependency but the C library, found $needed" ;;
  esac
done
objdump -p "$library" | grep -q TEXTREL && fail "text relocations"
objdump -p "$library" | grep -A1 STACK | grep -q 'rwx' && fail "an executable stack"

echo "$(wc -l <<<"$exported") symbols exported, glibc $newest needed"
exit $failed
