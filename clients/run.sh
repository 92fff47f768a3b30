#!/bin/sh
# run.sh BINARY - the tests of the client libraries against a server of its own, on a free port of 127.0.0.1. Closes
# with `N passed, N failed`. The tools (NumPy, mypy, ruff, tsc) are fetched once, into folders that git ignores, unless
# PYTHON names an interpreter that has them. What is missing then is skipped, aloud.
set -u
binary=$(realpath "$1")
cd "$(dirname "$0")" || exit 1
python=${PYTHON:-python/.venv/bin/python}
if [ -z "${PYTHON:-}" ] && ! [ -x "$python" ]; then
    python3 -m venv python/.venv && python/.venv/bin/pip install -q -r python/requirements-dev.txt
fi
case $python in python/*) python=$PWD/$python ;; esac
if command -v npm >/dev/null && ! [ -x typescript/node_modules/.bin/tsc ]; then
    (cd typescript && npm install --silent --no-audit --no-fund --no-package-lock)
fi
model=$(realpath "${MODEL:-../weights/default}")
passed=0 failed=0 skipped=

ROSIM_API_KEY=clients-test
# shellcheck source=clients/serve.sh
. ./serve.sh
start_server "$binary" "$model" --api-key $ROSIM_API_KEY
export ROSIM_API_KEY ROSIM_URL="$address" ROSIM="$binary" ROSIM_MODEL="$model"
export PYTHONDONTWRITEBYTECODE=1 MYPY_CACHE_DIR=/dev/null RUFF_NO_CACHE=true

count() {    # what, good, bad
    printf '%-44s %s passed, %s failed\n' "$1" "$2" "$3"
    passed=$((passed + $2)) failed=$((failed + $3))
}

tool() {    # what, command...: one test
    what=$1
    shift
    if "$@" >"$log.tool" 2>&1; then count "$what" 1 0; else cat "$log.tool"; count "$what" 0 1; fi
}

python_tests() {
    status=0
    (cd python && "$python" -m unittest discover -s tests -t .) >"$log.python" 2>&1 || status=1
    [ $status -eq 0 ] || cat "$log.python"
    ran=$(sed -n 's/^Ran \([0-9]*\) tests.*/\1/p' "$log.python")
    bad=$(grep -c '^\(FAIL\|ERROR\): ' "$log.python")
    if [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    count 'python: tests' $((${ran:-0} - bad > 0 ? ${ran:-0} - bad : 0)) "$bad"
    if "$python" -m mypy --version >/dev/null 2>&1; then
        tool 'python: mypy --strict' sh -c "cd python && '$python' -m mypy --strict"
    else
        skipped="$skipped mypy"
    fi
    if "$python" -m ruff --version >/dev/null 2>&1; then
        tool 'python: ruff' sh -c "cd python && '$python' -m ruff check . && '$python' -m ruff format --check ."
    else
        skipped="$skipped ruff"
    fi
}

typescript_build() {    # before the tests of either: the pages' examples need it
    if [ -x typescript/node_modules/.bin/tsc ]; then
        tool 'typescript: tsc --strict' sh -c 'cd typescript && npm run --silent build && npm run --silent types'
    else
        skipped="$skipped tsc"
    fi
}

typescript_tests() {
    [ -f typescript/dist/index.js ] || { skipped="$skipped typescript"; return; }
    status=0
    (cd typescript && node --test tests/*.test.mjs) >"$log.node" 2>&1 || status=1
    [ $status -eq 0 ] || cat "$log.node"
    good=$(sed -n 's/^. pass \([0-9]*\)$/\1/p' "$log.node")
    bad=$(sed -n 's/^. fail \([0-9]*\)$/\1/p' "$log.node")
    if [ $status -ne 0 ] && [ "${bad:-0}" -eq 0 ]; then bad=1; fi
    count 'typescript: tests' "${good:-0}" "${bad:-0}"
}

if command -v node >/dev/null; then typescript_build; fi
if "$python" -c 'import numpy' 2>/dev/null; then python_tests; else skipped="$skipped python(numpy)"; fi
if command -v node >/dev/null; then typescript_tests; else skipped="$skipped typescript(node)"; fi
[ -z "$skipped" ] || echo "skipped, not installed:$skipped"
if end_server; then count 'the server ended well' 1 0; else count 'the server ended well' 0 1; fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
