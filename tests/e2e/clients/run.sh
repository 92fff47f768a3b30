#!/bin/sh
# run.sh BINARY - official clients of other servers against a rosim of its own, on a free port of 127.0.0.1: what an
# application would do that only changes its URL. Fetches the pinned packages once, into build/e2e-clients. Closes with
# a table of cases tried and passed by dialect, and `N passed, N failed`.
#   VENV, VENV_HUB  virtual environments that have requirements.txt and requirements-hub.txt (default: made here)
set -u
binary=$(realpath "$1")
cd "$(dirname "$0")/../../.." || exit 1
here=tests/e2e/clients
place=$PWD/build/e2e-clients
mkdir -p "$place/node"

environment() {    # folder, requirements
    [ -x "$1/bin/python" ] || { python3 -m venv "$1" && "$1/bin/pip" install -q -r "$2"; } || exit 1
}
venv=${VENV:-$place/venv}
venv_hub=${VENV_HUB:-$place/venv-hub}
environment "$venv" $here/requirements.txt
environment "$venv_hub" $here/requirements-hub.txt
if ! cmp -s $here/package.json "$place/node/package.json"; then
    cp $here/package.json "$place/node/"
    (cd "$place/node" && npm install --silent --no-audit --no-fund --no-package-lock) || exit 1
fi
cp $here/clients.mjs "$place/node/"    # modules are looked for from where a program lies

model=$PWD/weights/default
ROSIM_API_KEY=sk-e2e-clients
# shellcheck source=clients/serve.sh
. clients/serve.sh
start_server "$binary" "sample=$model" --api-key $ROSIM_API_KEY
export ROSIM_API_KEY ROSIM_URL="$address" ROSIM="$binary" ROSIM_MODEL="$model"
export HF_HUB_OFFLINE=0 HF_HUB_DISABLE_TELEMETRY=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here

lines=$log.lines
: >"$lines"
drive() {    # name, command...: a driver that ends early is a failed case
    name=$1
    shift
    "$@" >>"$lines" 2>"$log.err" || {
        tail -n 20 "$log.err"
        printf '%s\t%s\tended early\tFAILED\tstatus is not 0\n' "$name" "$name" >>"$lines"
    }
}
drive openai "$venv/bin/python" $here/openai_python.py
drive hf "$venv/bin/python" $here/hub_python.py
drive hf "$venv_hub/bin/python" $here/hub_python.py
drive tei "$venv/bin/python" $here/tei_python.py
drive cohere "$venv/bin/python" $here/rerank_python.py
drive wire "$venv/bin/python" $here/wire_python.py
drive docs "$venv/bin/python" $here/docs_python.py
drive javascript node "$place/node/clients.mjs"
if end_server; then verdict=ok; else verdict=FAILED; fi
printf 'server\trosim\tended well\t%s\t\n' $verdict >>"$lines"

awk -F '\t' '
    $4 != "ok" { printf "FAILED %s, %s: %s\n       %s\n", $1, $2, $3, $5 }
    { tried[$1]++; passed[$1] += $4 == "ok"; if (!($1 SUBSEP $2 in seen)) clients[$1] = clients[$1] ", " $2 }
    { seen[$1, $2] = 1; good += $4 == "ok" }
    END {
        printf "\n%-8s %5s %6s  %s\n", "dialect", "tried", "passed", "clients"
        for (d in tried) printf "%-8s %5d %6d  %s\n", d, tried[d], passed[d], substr(clients[d], 3) | "sort"
        close("sort")
        printf "%d passed, %d failed\n", good, NR - good
        exit good != NR
    }' "$lines"
