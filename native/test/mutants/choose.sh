# Sourced by the mutants' run.sh of CPU and CUDA code: which of all possible mutants a run tries.
#
# all.txt and chosen.txt hold a mutant a line, as generate.awk writes it (tab-separated): path, line, column,
# replaced text, replacement, the line's text.

choice_help="[--count N | --all] [--seed TEXT] [--changed COMMIT] [--changed-limit N] [--jobs N] [--only TEXT] [--recheck]"
count= seed= changed= changed_limit=60 jobs=2 only= recheck=no

# choice_option OPTION [VALUE]: takes one option and sets $taken to the number of its words.
choice_option() {
  taken=2
  case $1 in
    --all | --recheck) taken=1 ;;
    --count | --changed-limit | --jobs)
      [[ ${2-} =~ ^[0-9]+$ ]] || { echo "$1: expected a number, found '${2-}'" >&2; exit 2; } ;;
    --seed | --changed | --only)
      [ -n "${2-}" ] || { echo "$1: expected a text behind it" >&2; exit 2; } ;;
  esac
  case $1 in
    --count) count=$2 ;;
    --all) count=all ;;
    --seed) seed=$2 ;;
    --changed) changed=$2 ;;
    --changed-limit) changed_limit=$2 ;;
    --jobs) jobs=$2 ;;
    --only) only=$2 ;;
    --recheck) recheck=yes ;;
    *) echo "expected [BUILD] $choice_help, found '$1'" >&2; exit 2 ;;
  esac
}

# only_matching: keeps of all.txt the mutants whose "path line" contains the text of --only.
only_matching() {
  [ -z "$only" ] || { awk -F'\t' -v t="$only" 'index($1 " " $2, t)' all.txt > some.txt; mv some.txt all.txt; }
}

# leave_out_argued FILE: removes from all.txt the mutants that FILE (equivalent.txt) argues for, because there
# is nothing to find out, and sets $left_out to their number. gone.txt: arguments about no mutant of all.txt.
leave_out_argued() {
  : > open.txt
  awk -F'\t' -v open_file=open.txt '
    FNR == NR { if ($0 !~ /^#/ && index($0, " | ")) { argued[$0] = 1 } next }
    {
      exact = $1 " | " $4 " | " $5 " | " $6
      any = $1 " | any | " $6
      seen[exact] = seen[any] = 1
      if (!(exact in argued) && !(any in argued)) print > open_file
    }
    END { for (a in argued) if (!(a in seen)) print a }' "$1" all.txt | sort > gone.txt
  left_out=0
  [ "$recheck" = no ] || return 0
  left_out=$(($(wc -l < all.txt) - $(wc -l < open.txt)))
  mv open.txt all.txt
}

# spread N: N of the lines of the input, evenly spread, starting at a part of a step that the seed determines;
# without a seed half a step in.
spread() {
  local offset=0.5
  [ -z "$seed" ] || offset=$(printf '%s' "$seed" | cksum | awk '{ printf "%.10f", $1 / 4294967296 }')
  cat > spread.txt
  awk -v n="$1" -v total="$(wc -l < spread.txt)" -v offset="$offset" '
    BEGIN { if (n > total) n = total }
    picked < n && NR > (picked + offset) * total / n { print; ++picked }' spread.txt
}

# changed_lines FOLDER: "path<tab>line" for each line of the files below FOLDER that is not the same in $changed;
# a file that git does not know yet is changed as a whole.
changed_lines() {
  git -C "$1" -c core.quotePath=off diff -U0 -M --no-color --no-ext-diff --relative \
    --src-prefix=a/ --dst-prefix=b/ "$changed" -- . | awk '
    rest > 0 && /^[-+]/ { --rest; next }  # a line of the hunk, whatever it reads like
    /^\+\+\+ / { path = substr($0, 7); sub(/\t$/, "", path) }
    /^@@ / {
      split($2, old, ","); split($3, new, ",")
      removed = $2 ~ /,/ ? old[2] : 1
      added = $3 ~ /,/ ? new[2] : 1
      rest = removed + added
      first = substr(new[1], 2)
      for (i = 0; i < added; ++i) print path "\t" first + i
    }'
  git -C "$1" -c core.quotePath=off ls-files --others --exclude-standard | while read -r path; do
    awk -v path="$path" '{ print path "\t" FNR }' "$1/$path"
  done
}

# choose TITLE FOLDER COMMAND: writes chosen.txt from all.txt, whose paths are below FOLDER, sets $total, and
# says what it took and how COMMAND takes the same again.
choose() {
  local again="$3" commit kind=possible of_changed others
  [ -z "$only" ] || again+=" --only $(printf %q "$only")"
  [ "$recheck" = no ] || again+=" --recheck"
  total=$(wc -l < all.txt)
  [ $((total + left_out)) -gt 0 ] || { echo "no place of the sources matches '$only'" >&2; exit 2; }
  echo "$1: $((total + left_out)) possible, $left_out of them left out because equivalent.txt argues for them"
  : > changed.txt
  : > sample.txt
  cp all.txt others.txt
  if [ -n "$changed" ] && [ "$count" != all ]; then
    if commit=$(git -C "$2" rev-parse --verify --quiet "$changed^{commit}" 2> /dev/null); then
      changed=$commit kind=others
      changed_lines "$2" > lines.txt
      : > others.txt
      awk -F'\t' 'FILENAME == ARGV[1] { differs[$1 "\t" $2] = 1; next }
        { print > (($1 "\t" $2) in differs ? "changed.txt" : "others.txt") }' lines.txt all.txt
      again+=" --changed $commit --changed-limit $changed_limit"
    else
      echo "chosen: the commit '$changed' is not in this clone, so that lines which differ from it are unknown; only the sample runs"
      changed=
    fi
  fi
  of_changed=$(wc -l < changed.txt)
  others=$(wc -l < others.txt)
  spread "$changed_limit" < changed.txt > chosen.txt
  if [ -n "$changed" ] && [ "$count" != all ]; then
    echo "chosen: $(wc -l < chosen.txt) of the $of_changed in lines that differ from $changed"
    [ "$of_changed" -le "$changed_limit" ] ||
      echo "chosen: $((of_changed - changed_limit)) of those were left out, because they are more than $changed_limit (--changed-limit)"
  fi
  if [ "$count" = all ]; then
    cp all.txt chosen.txt
    echo "chosen: all $total"
    again+=" --all"
  else
    spread "$count" < others.txt > sample.txt
    cat sample.txt >> chosen.txt
    echo "chosen: $(wc -l < sample.txt) of the $others $kind, evenly spread${seed:+, the first by the seed '$seed'}"
    again+=" --count $count${seed:+ --seed $(printf %q "$seed")}"
  fi
  echo "the same again: $again"
}
