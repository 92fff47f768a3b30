#!/bin/sh
# run.sh ROSIM - `make bench`: kernels and whole forwards of the default model and of those in weights/cache, then the
# default model as a server. QUICK=1 only shows that it runs. JSON goes to build/bench, to compare two runs.
set -eu
rosim=$1
cd "$(dirname "$0")/../.."
out=build/bench
measure_ms=200 seconds=2 rounds=3
if [ -n "${QUICK:-}" ]; then measure_ms=2 seconds=1 rounds=1; fi
mkdir -p $out
models=weights/default
for folder in weights/cache/*/; do
    if [ -f "$folder/model.safetensors" ]; then models="$models ${folder%/}"; fi
done
for model in $models; do
    "$rosim" bench --model "$model" --measure-ms $measure_ms
    echo
done
"$rosim" bench --measure-ms $measure_ms --json >$out/default.json
docker/setup.sh bench
if command -v python3 >/dev/null; then
    PYTHONDONTWRITEBYTECODE=1 python3 tests/bench/serve.py "$rosim" weights/default \
        --seconds $seconds --rounds $rounds --json $out/server.json
else
    echo "bench: no python3, so no measurement of the server" >&2
fi
