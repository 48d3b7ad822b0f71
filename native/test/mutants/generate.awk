# Lists every mutant of one file: path, line, column, text to replace, replacement ("(nothing)" for none) and
# the line without the spaces around it and a macro's backslash (tab-separated).
# Variables: path (as listed), active (file with the numbers of the lines that are compiled), rules (file
# of "text<tab>replacement" lines).
BEGIN {
  while ((getline rule < rules) > 0) {
    if (rule == "" || rule ~ /^#/) continue
    cut = index(rule, "\t")
    ++count
    from[count] = substr(rule, 1, cut - 1)
    to[count] = substr(rule, cut + 1)
    if (to[count] == "") to[count] = "(nothing)"
  }
  while ((getline number < active) > 0) compiled[number] = 1
}
{
  code = $0
  comment = index(code, "//")
  if (comment > 0) code = substr(code, 1, comment - 1)
  code = code " "  # an operator at the end of a line stands between spaces, too
  if (!(FNR in compiled) || code ~ /^[ \t]*#/ || code ~ /static_assert|constexpr int|template </) next
  text = $0
  sub(/^[ \t]*/, "", text)
  sub(/[ \t]*\\*$/, "", text)
  gsub(/\t/, " ", text)
  for (i = 1; i <= count; ++i) {
    start = 1
    while ((at = index(substr(code, start), from[i])) > 0) {
      column = start + at - 1
      before = substr(code, 1, column)
      if (gsub(/"/, "", before) % 2 == 0) {
        printf "%s\t%d\t%d\t%s\t%s\t%s\n", path, FNR, column, from[i], to[i], text
      }
      start = column + length(from[i])
    }
  }
}
