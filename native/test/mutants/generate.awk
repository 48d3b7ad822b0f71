# Lists every mutant of one file: path, line, column, text to replace, replacement (tab-separated).
# Variables: path (as listed), active (file with the numbers of the lines that are compiled).
BEGIN {
  rules = " < | <= ; <= | < ; > | >= ; >= | > ; == | != ; != | == ; < | > ; > | < ; && | || ; || | && ;" \
          " + | - ; - | + ; * | + ; / | * ; += | -= ; + 1| + 2; - 1| - 2; + 1|; - 1|; = -(| = (; = -| = ;" \
          " % 4| % 3; ? one : zero| ? zero : one;keep ? |true ? ;number ? |true ? ;if (|if (false && ;" \
          "EQP_TRY(|(void)(;max(|min(;<<|>>;0.5|0.25;1.0|2.0; 0.0| 1.0;zero|one"
  count = split(rules, pairs, ";")
  for (i = 1; i <= count; ++i) {
    cut = index(pairs[i], "|")
    # "||" contains the separator: the rule texts with it are written out.
    from[i] = substr(pairs[i], 1, cut - 1)
    to[i] = substr(pairs[i], cut + 1)
  }
  for (i = 1; i <= count; ++i) {
    if (pairs[i] == " && | || ") { from[i] = " && "; to[i] = " || " }
    if (pairs[i] == " || | && ") { from[i] = " || "; to[i] = " && " }
  }
  while ((getline number < active) > 0) compiled[number] = 1
}
{
  code = $0
  comment = index(code, "//")
  if (comment > 0) code = substr(code, 1, comment - 1)
  if (!(FNR in compiled) || code ~ /^[ \t]*#/ || code ~ /static_assert|constexpr int|template </) next
  for (i = 1; i <= count; ++i) {
    start = 1
    while ((at = index(substr(code, start), from[i])) > 0) {
      column = start + at - 1
      before = substr(code, 1, column)
      if (gsub(/"/, "", before) % 2 == 0) {
        printf "%s\t%d\t%d\t%s\t%s\n", path, FNR, column, from[i], to[i]
      }
      start = column + length(from[i])
    }
  }
}
