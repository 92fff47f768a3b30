#!/bin/sh
# run.sh ROSIM - a running server against its own /openapi.json: schemathesis sends bodies that the document allows and
# bodies that it forbids, and compares statuses, types and shapes. Needs Python and, the first time, the network.
#   VENV      a virtual environment with requirements.txt (default: build/venv-openapi, made when it is missing)
#   EXAMPLES  bodies a route in the fuzzing phase (default: 20); SEED (default: 1); MODEL (default: weights/default)
set -u
cd "$(dirname "$0")/../../.." || exit 1
here=$PWD/tests/e2e/openapi
rosim=$PWD/$1
venv=$PWD/build/venv-openapi
[ -z "${VENV:-}" ] || venv=$VENV
if ! [ -x "$venv/bin/schemathesis" ]; then
    python3 -m venv "$venv" && "$venv/bin/pip" install -q -r "$here/requirements.txt" || exit 1
fi
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$work"' EXIT
server=
"$rosim" serve --model "${MODEL:-weights/default}" --port 0 --threads 1 >"$work/out" 2>"$work/log" &
server=$!
port=
for _ in $(seq 100); do
    port=$(sed -n 's/.*listening on .*:\([0-9]*\).*/\1/p' "$work/log" "$work/out" | head -n 1)
    [ -n "$port" ] && break
    sleep 0.2
done
[ -n "$port" ] || { cat "$work/log"; exit 1; }
cd "$work" || exit 1    # where it keeps what it remembers
"$venv/bin/schemathesis" --config-file "$here/schemathesis.toml" run "http://127.0.0.1:$port/openapi.json" \
    --max-examples "${EXAMPLES:-20}" --seed "${SEED:-1}" --workers 1 --no-color --no-shrink --continue-on-failure \
    --generation-allow-x00 false --generation-database none --request-timeout 180 --warnings off
result=$?
kill -0 "$server" || { echo 'the server has ended'; result=1; }
exit $result
