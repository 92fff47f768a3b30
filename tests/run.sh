#!/bin/sh
# run.sh VARIANT TEST... - runs test programs one after the other, adds up libcheck's summary lines, and closes with
# `N passed, N failed`. A program that ends without a summary line (a crash) counts as one failure. What failed is said
# twice, where it happened and, in lines that begin with FAILED, before the end: a log is read from there.
set -u
variant=$1
shift
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS="halt_on_error=0 exitcode=66 suppressions=tests/tsan.supp"
export OPENBLAS_NUM_THREADS=1
if [ "$variant" = tsan ]; then CK_FORK=no; export CK_FORK; fi
if [ "$variant" = asan ]; then patience=600; else patience=120; fi
CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-$patience}
export CK_DEFAULT_TIMEOUT

# Shows the program's output, and keeps its lines that say what went wrong for the end.
failure() {
    name=${program##*/} summary=$1
    printf '%s\n' "$output"
    recap="$recap$(
        printf '%s\n' "$output" | grep -E ':[FE]:|ERROR: |WARNING: ThreadSanitizer|SUMMARY: |runtime error: ' |
            sed "s|^|FAILED $name: |"
        printf 'FAILED %s: %s, exit status %s' "$name" "$summary" "$status"
    )
"
}

passed=0 failed=0 recap=
for program in "$@"; do
    begun=$(date +%s)
    output=$("$program" 2>&1)
    status=$?
    seconds=$(($(date +%s) - begun))
    line=$(printf '%s\n' "$output" | grep -E '^[0-9]+%: Checks: ' | tail -n 1)
    if [ -z "$line" ]; then
        failure 'no summary'
        failed=$((failed + 1))
        continue
    fi
    checks=$(printf '%s' "$line" | sed 's/.*Checks: \([0-9]*\).*/\1/')
    bad=$(($(printf '%s' "$line" | sed 's/.*Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 + \2/')))
    if [ "$bad" -eq 0 ] && [ "$status" -ne 0 ]; then bad=1; fi
    if [ "$bad" -ne 0 ]; then failure "$line"; fi
    printf '%-44s %s\n' "${program##*/}" "$line"
    [ "$seconds" -ge 10 ] && printf '%-44s %s s\n' '' "$seconds"
    passed=$((passed + checks - bad))
    failed=$((failed + bad))
done
printf '%s%d passed, %d failed\n' "$recap" "$passed" "$failed"
[ "$failed" -eq 0 ]
