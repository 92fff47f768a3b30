#!/bin/sh
# run.sh BINARY - what the binary is installed with: make install into an empty root and out of it again, the manual,
# the completion, the unit's rating, HAProxy's configuration. A tool that is not there is named and its check left out.
# Closes with `N passed, N failed`.
set -u
cd "$(dirname "$0")/../.." || exit 1
binary=$PWD/$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
passed=0 failed=0

try() {    # what, command
    what=$1
    shift
    if output=$("$@" 2>&1); then passed=$((passed + 1)); return; fi
    failed=$((failed + 1))
    printf 'failed: %s\n%s\n' "$what" "$output"
}
needs() { command -v "$1" >/dev/null || { echo "left out: $1 is not installed"; return 1; }; }

# The installed binary finds the installed model, wherever the root is.
scores() { (cd / && "$root/usr/bin/rosim" score 'a text' 'a text') | grep -q '^1\.000'; }
is_empty() { [ -z "$(find "$root" ! -type d)" ]; }
settings_are_options() {    # of the unit and of the file that the package brings for it
    grep -ho 'ROSIM_[A-Z_]*' docker/systemd/rosim.service docker/debian/rosim.default docker/compose*.yaml \
        docker/Dockerfile | sort -u | while read -r name; do
        "$binary" serve --help | grep -q "$name\\b" || { echo "no such variable: $name"; exit 1; }
    done
}
names_every_option() {
    "$binary" serve --help | grep -o -- '  --[a-z-]*' | tr -d ' ' | while read -r flag; do
        grep -qF -- "$(printf %s "$flag" | sed 's/-/\\-/g')" "$root/usr/share/man/man1/rosim.1" ||
            { echo "the manual lacks $flag"; exit 1; }
    done
}
completes() {    # words so far, the last one unfinished; what must be offered
    bash -c 'source "$1"; read -ra COMP_WORDS <<<"$2"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
             _rosim; printf "%s\n" "${COMPREPLY[@]}" | grep -qx -- "$3"' - \
        "$root/usr/share/bash-completion/completions/rosim" "$1" "$2"
}
manual_is_clean() {
    warnings=$(LC_ALL=C.UTF-8 groff -man -ww -Tutf8 -Kutf8 -z "$root/usr/share/man/man1/rosim.1" 2>&1)
    [ -z "$warnings" ] || { echo "$warnings"; return 1; }
}
rating() { systemd-analyze security --offline=true --threshold=15 --no-pager "$1"; }    # tenths: 1.5
configured() { env LISTEN=127.0.0.1:1 STATS=127.0.0.1:2 ROSIM_1=127.0.0.1:3 ROSIM_2=127.0.0.1:4 \
                   "$(command -v haproxy || echo /usr/sbin/haproxy)" -c -f docker/haproxy.cfg; }

try 'make install' make --no-print-directory install DESTDIR="$root" PREFIX=/usr
try 'the installed binary serves the installed model' scores
try 'the manual names every option of serve' names_every_option
try 'completion of a command' completes 'rosim se' serve
try 'completion of an option' completes 'rosim serve --att' --attention
try 'completion of a choice' completes 'rosim score --metric eu' euclidean
try 'variables of the unit and the compose files are options' settings_are_options
if needs groff; then try 'the manual without a warning' manual_is_clean; fi
if needs systemd-analyze; then
    try 'the unit is rated 1.5 or better' rating "$root/usr/lib/systemd/system/rosim.service"
fi
if [ -x /usr/sbin/haproxy ] || needs haproxy; then try 'HAProxy takes its configuration' configured; fi
try 'make uninstall' make --no-print-directory uninstall DESTDIR="$root" PREFIX=/usr
try 'nothing stays behind' is_empty
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
