#!/bin/sh
# run.sh DIR SECONDS [TARGET...] - runs the libFuzzer programs DIR/TARGET for SECONDS each, from the seeds in
# tests/fuzz/corpus/TARGET. What they discover is kept in DIR/found/TARGET, so that the next run goes on from there; an
# input that fails is kept as DIR/TARGET-crash-*, to be copied to the corpus with the fix. Closes with
# `N passed, N failed`.
set -u
dir=$1 seconds=$2
shift 2
passed=0 failed=0
export ASAN_OPTIONS=detect_leaks=1 OPENBLAS_NUM_THREADS=1

for target in "$@"; do
    mkdir -p "$dir/found/$target"
    set -- "$dir/found/$target"
    [ -d "tests/fuzz/corpus/$target" ] && set -- "$@" "tests/fuzz/corpus/$target"
    if "$dir/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -verbosity=0 \
                      -print_final_stats=1 -artifact_prefix="$dir/$target-" "$@" >"$dir/$target.log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: //p' "$dir/$target.log")
        printf '%-28s %s inputs, none failed\n' "$target" "${runs:-?}"
        passed=$((passed + 1))
    else
        tail -n 40 "$dir/$target.log"
        printf '%-28s FAILED, see %s/%s.log\n' "$target" "$dir" "$target"
        failed=$((failed + 1))
    fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
