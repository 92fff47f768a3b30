#!/bin/sh
# lint_rules.sh - shows that every rule of lint.sh can fail, and that what is allowed passes: a tree of bad lines, each
# with the report it must cause, and one of good lines that must cause none. Closes with `N passed, N failed`.
set -u
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/model/text" "$tree/model/score" "$tree/weights" "$tree/server" "$tree/tests"
passed=0 failed=0

# Lint a file that holds the text (behind an opening line, so that it is line 2) and compare with `file:line: rule: `.
expect() {    # path, report or empty, text
    printf '/* %s - a sample. */\n%s\n' "${1##*/}" "$3" >"$tree/$1"
    output=$("$here/lint.sh" "$tree" | grep "^$1")
    rm "$tree/$1"
    if [ -z "$2" ] && [ -z "$output" ]; then passed=$((passed + 1)); return; fi
    if [ -n "$2" ] && printf '%s\n' "$output" | grep -q "^$1:$2: "; then passed=$((passed + 1)); return; fi
    failed=$((failed + 1))
    printf 'line:  %s\nwant:  %s\nfound: %s\n' "$3" "${2:-nothing}" "${output:-nothing}"
}

tab=$(printf '\t')
long=$(printf '%0121d' 7)
expect weights/a.c '2: blanks' 'int a(void); '
expect weights/a.c '2: tab' "${tab}int a(void);"
expect weights/a.c '2: width' "// $long"
han=$(printf '\344\270\200')    # one character, three bytes
expect weights/a.c '' "// $(printf '%0117d' 0 | sed "s/0/$han/g")"
expect weights/a.c '2: width' "// $(printf '%0118d' 0 | sed "s/0/$han/g")"
expect weights/a.c '2: todo' '// TODO later'
expect weights/a.c '' '// TODO #12 later'
expect weights/a.c '2: machine-path' 'static const char path[] = "/home/me/x";'
expect weights/a.c '2: address' '// https://registry.somewhere.org/x'
expect weights/a.c '' '// http://127.0.0.1:8080/x and http://models.example.com/y'
expect weights/a.c '' 'static const char svg[] = "<svg xmlns=\"http://www.w3.org/2000/svg\">";'
expect weights/a.c '2: address' '// http://www.w3.org/2000/svg/x'
expect weights/a.c '2: address' '// http://www.w3.org/TR'
expect weights/a.c '2: arrow' '#include "model/model.h"'
expect model/text/a.c '2: arrow' '#include "model/encoder/rope.h"'
expect model/score/a.c '2: arrow' '#include "server/http.h"'
expect model/a.c '2: arrow' '#include <microhttpd.h>'
expect server/a.c '2: arrow' '#include "tests/check_support.h"'
expect server/a.c '' '#include "model/model.h"'
expect server/a.c '2: banned' 'void a(char *b) { strcpy(b, "c"); }'
expect tests/a.c '2: banned' 'int a(char *b) { return atoi(b); }'
expect server/a.c '' 'void a(void); // strcpy(b, c) is banned, "gets()" too'
expect server/a.c '' 'void a(void) { log_line("strcpy(b)", my_atoi(2)); }'
expect weights/a.c '2: quiet' 'void a(void) { fprintf(stderr, "x"); }'
expect weights/a.c '' 'void a(char *b) { snprintf(b, 2, "x"); }'
expect server/a.c '' 'void a(void) { printf("x"); }'
expect server/a.c '2: global' 'static int counter;'
expect server/a.c '2: global' 'size_t table[4] = { 0 };'
expect server/a.c '2: global' 'static const char *current = "a";'
expect server/a.c '2: global' '    static int calls = 0;'
expect server/a.c '' 'static const char *const names[] = { "a", "b" };'
expect server/a.c '' 'static const int sizes[] = { 1, 2 };'
expect server/a.c '' 'static volatile sig_atomic_t stopping;'
expect server/a.c '' 'static int counter(void);'
expect server/a.h '1: contract' 'int a(void);'
expect server/b.c '607: size' "$(yes '' | head -n 606 | sed 's/^/;/')"
if command -v shellcheck >/dev/null; then expect tests/a.sh '2:6: shellcheck' "echo \$1"; fi
printf 'int a(void);\n' >"$tree/server/c.c"
count() { if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi; }
opening_is_missed() { "$here/lint.sh" "$tree" | grep -q '^server/c.c:1: opening: '; }
count opening_is_missed
rm "$tree/server/c.c"

# Two facts may share a line of a contract.
{
    printf '/* a.h - a sample.\n *\n'
    printf ' * Owns     nothing.    Borrows  nothing.\n * Threads  pure.\n * Limits   none.\n */\n'
} >"$tree/server/a.h"
tree_is_clean() { "$here/lint.sh" "$tree" >/dev/null; }
count tree_is_clean

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
