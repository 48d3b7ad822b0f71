# Sourced by the mutants' run.sh of CPU and CUDA code: what equivalent.txt argues, and the account at the end.
#
# equivalent.txt: path | replaced text | replacement | line, or path | any | line; both files whole lines.

# argued FILE PATH FROM TO LINE: whether FILE lists that mutant.
argued() {
  grep -qxF -e "$2 | $3 | $4 | $5" -e "$2 | any | $5" "$1"
}

# account TITLE FILE LEFT_OUT STARTED: prints the survivors among results.txt that FILE does not argue for
# and the counts; fails when there are any. LEFT_OUT mutants were not run because FILE argues for them.
account() {
  local equivalent=$3 unexplained=0 verdict path line from to text
  while IFS=$'\t' read -r verdict path line from to text; do
    [ "$verdict" = survived ] || continue
    if argued "$2" "$path" "$from" "$to" "$text"; then
      equivalent=$((equivalent + 1))
    else
      unexplained=$((unexplained + 1))
      printf 'SURVIVED %s:%s\n%s | %s | %s | %s\n' "$path" "$line" "$path" "$from" "$to" "$text"
    fi
  done < results.txt
  printf '%s: %d possible, %d run, %d do not compile, %d killed, %d do not end, %d equivalent, %d unexplained survivors, %d s\n' \
    "$1" "$((total + $3))" "$(wc -l < results.txt)" "$(of unbuildable)" "$(of killed)" "$(of endless)" \
    "$equivalent" "$unexplained" "$((SECONDS - $4))"
  [ "$unexplained" = 0 ]
}
of() { grep -c "^$1" results.txt || true; }
