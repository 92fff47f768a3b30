#!/bin/sh
# lint.sh [DIR] - the house rules over a tree (default: this one). Prints `file:line: rule: what` for each breach, and
# closes with `N passed, N failed`, counting rules. tests/lint_rules.sh shows that each rule can fail.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/..}" || exit 2
found=$(mktemp)
trap 'rm -f "$found"' EXIT

files() {    # those of the tree that find's tests pick, without what is built, fetched or recorded
    find . \( -path ./build -o -path ./.git -o -path ./weights/cache -o -path ./weights/default \
           -o -path ./tests/golden -o -name corpus -o -name __pycache__ -o -name '.venv*' \
           -o -name node_modules -o -path ./clients/typescript/dist \) -prune \
           -o -type f \( "$@" \) -print |
        sed 's|^\./||' | sort
}

sources=$(files -name '*.[ch]')
scripts=$(files -name '*.sh' -o -path ./.ci/run)
texts=$(files -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.awk' -o -name '*.md' -o -name '*.yaml' \
              -o -name '*.ts' -o -name '*.mjs' -o -name package.json -o -name '*.toml' \
              -o -name 'requirements*.txt' -o -name Makefile -o -name Dockerfile -o -path ./.ci/run)

# shellcheck disable=SC2086    # lists of names without blanks
{
    awk -f "$here/lint.awk" $texts

    # A header of a room opens with its contract: owns, borrows, threads, limits.
    for header in $(printf '%s\n' $sources | grep -E '^(server|model|weights)/.*\.h$'); do
        sed '/\*\//q' "$header" | awk -v file="$header" '
            NR == 1 && !/^\/\* [a-z0-9_]+\.h - / { bad = bad " \"/* name.h - what\"" }
            { text = text "\n" $0 }
            /[Gg]enerated/ { generated = 1 }
            END {
                split("Owns Borrows Threads Limits", word, " ")
                for (i = 1; i <= 4; i++) if (text !~ ("(\n \\*|  ) " word[i] " ")) bad = bad " " word[i]
                if (bad != "" && !generated) print file ":1: contract: the opening comment lacks" bad
            }'
    done
    for file in $(printf '%s\n' $sources | grep '\.c$'); do
        head -n 1 "$file" | grep -q '^/\*' || echo "$file:1: opening: no comment that says what the file is for"
    done
    for file in $sources $scripts; do
        lines=$(wc -l <"$file")
        if [ "$lines" -gt 600 ] && ! head -n 5 "$file" | grep -qi generated; then
            echo "$file:$lines: size: $lines lines, at most 600"
        fi
    done
    if command -v shellcheck >/dev/null && [ -n "$scripts" ]; then
        shellcheck -f gcc $scripts | sed 's/: \([a-z]*\): /: shellcheck: /'
    fi
} >"$found"

cat "$found"
rules='blanks tab width todo machine-path address arrow banned quiet global contract opening size shellcheck'
passed=0 failed=0
for rule in $rules; do
    if grep -q ": $rule: " "$found"; then failed=$((failed + 1)); else passed=$((passed + 1)); fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
