#!/bin/sh
# run.sh ROSIM [option...] - makes throw-away environments for the peers (in weights/cache, not in git), fetches the
# models, and compares. Options are compare.py's: --quick, --busy, --part engines, --threads 1 ...
#   VENV           an environment that has requirements.txt already
#   INFINITY       infinity_emb's program; "none" leaves that server out
set -eu
rosim=$1
shift
cd "$(dirname "$0")/../../.."
here=tests/bench/peers
cache=weights/cache
models="$cache/all-MiniLM-L6-v2 $cache/bge-small-zh-v1.5"

make_environment() {    # folder, requirements
    [ -e "$1/.ready" ] && return
    echo "bench-peers: installing $2 into $1 (some GB, some minutes)" >&2
    python3 -m venv "$1"
    "$1/bin/pip" install -q -r "$2"
    touch "$1/.ready"
}

docker/setup.sh bench
for model in $models; do [ -d "$model" ] || weights/fetch.sh; done
if [ -z "${VENV:-}" ]; then
    VENV=$cache/.venv-bench
    make_environment "$VENV" $here/requirements.txt
fi
if [ -z "${INFINITY:-}" ]; then
    make_environment "$cache/.venv-infinity" $here/requirements-infinity.txt
    INFINITY=$cache/.venv-infinity/bin/infinity_emb
fi
[ "$INFINITY" = none ] && INFINITY=''
export HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1
# shellcheck disable=SC2086    # a list of folders
exec "$VENV/bin/python" $here/compare.py "$rosim" $models --infinity "$INFINITY" "$@"
