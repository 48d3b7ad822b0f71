# Sourced by the mutants' run.sh of CPU and CUDA code: what equivalent.txt argues, and the account at the end.
#
# equivalent.txt: path | replaced text | replacement | line, or path | any | line; both files whole lines.

# argued FILE PATH FROM TO LINE: whether FILE lists that mutant.
argued() {
  grep -qxF -e "$2 | $3 | $4 | $5" -e "$2 | any | $5" "$1"
}

# account TITLE FILE LEFT_OUT STARTED: prints the survivors among results.txt that FILE does not argue for
# and the counts. LEFT_OUT mutants were not run because FILE argues for them. Fails when a mutant of a
# changed line survives, or any of those that a person asked for. Of a sample that a seed drew nobody
# has seen the mutants before: what survives there asks for a test or an argument, and more than a
# quarter of it say that the tests have lost their power.
account() {
  local equivalent=$3 unexplained=0 of_sample=0 verdict path line from to text origin
  while IFS=$'\t' read -r verdict path line from to text origin; do
    [ "$verdict" = survived ] || continue
    if argued "$2" "$path" "$from" "$to" "$text"; then
      equivalent=$((equivalent + 1))
      continue
    fi
    if [ "$origin" = sample ] && [ -n "$seed" ]; then
      of_sample=$((of_sample + 1))
      printf 'SURVIVED, test or argue it with the next change there: %s:%s\n' "$path" "$line"
    else
      unexplained=$((unexplained + 1))
      printf 'SURVIVED %s:%s\n' "$path" "$line"
    fi
    printf '%s | %s | %s | %s\n' "$path" "$from" "$to" "$text"
  done < results.txt
  printf '%s: %d possible, %d run, %d do not compile, %d killed, %d do not end, %d equivalent, %d unexplained survivors, %d more of the sample, %d s\n' \
    "$1" "$((total + $3))" "$(wc -l < results.txt)" "$(of unbuildable)" "$(of killed)" "$(of endless)" \
    "$equivalent" "$unexplained" "$of_sample" "$((SECONDS - $4))"
  [ "$unexplained" = 0 ] && [ $((4 * of_sample)) -le "$(wc -l < sample.txt)" ]
}
of() { grep -c "^$1" results.txt || true; }
