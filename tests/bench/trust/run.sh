#!/bin/sh
# run.sh ROSIM [MODEL] - the acceptance figures of docs/scores.md, in Markdown: calibration error, closed form against
# gradient descent, drift, uncertainty. Uses the C that the server runs, or a server; the environment is a throw-away
# one in weights/cache.
#   DATA   folder with lcqmc.dev.tsv, bq.dev.tsv, stsb-en.dev.tsv (`label<TAB>a<TAB>b`; for measuring, not in this
#          repository), and perhaps paraphrase.tsv or paraphrase.tsv.xz with a source in the fourth column
#   PART   ece, heads, drift or uncertainty: only that
#   VENV   an environment that has requirements.txt already
set -eu
rosim=$1
model=${2:-weights/default}
cd "$(dirname "$0")/../../.."
here=tests/bench/trust
: "${DATA:?the folder with lcqmc.dev.tsv, bq.dev.tsv and stsb-en.dev.tsv, as DATA=folder}"
for set in lcqmc.dev.tsv bq.dev.tsv stsb-en.dev.tsv; do
    [ -r "$DATA/$set" ] || { echo "bench-trust: $DATA/$set is not there" >&2; exit 2; }
done
if [ -z "${VENV:-}" ]; then
    VENV=weights/cache/.venv-trust
    if [ ! -e "$VENV/.ready" ]; then
        echo "bench-trust: installing $here/requirements.txt into $VENV (some GB, some minutes)" >&2
        python3 -m venv "$VENV"
        "$VENV/bin/pip" install -q -r "$here/requirements.txt"
        touch "$VENV/.ready"
    fi
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -r "$DATA/paraphrase.tsv.xz" ]; then xz -dc "$DATA/paraphrase.tsv.xz" >"$work/paraphrase.tsv"
elif [ -r "$DATA/paraphrase.tsv" ]; then cp "$DATA/paraphrase.tsv" "$work/paraphrase.tsv"
fi

part() {    # name, sets: numbers repeat when OpenBLAS runs on one thread
    [ "${PART:-$1}" = "$1" ] || return 0
    printf '\n## %s\n\n' "$1"
    name=$1
    shift
    PYTHONDONTWRITEBYTECODE=1 OPENBLAS_NUM_THREADS=1 "$VENV/bin/python" $here/run.py "$name" "$rosim" "$model" "$@"
}

part ece "$DATA/lcqmc.dev.tsv"
part heads "$DATA/lcqmc.dev.tsv" "$work/paraphrase.tsv"
part drift "$DATA/bq.dev.tsv" "$DATA/stsb-en.dev.tsv"
if [ "${PART:-uncertainty}" = uncertainty ]; then
    printf '\n## uncertainty\n\n'
    PYTHONDONTWRITEBYTECODE=1 "$VENV/bin/python" $here/uncertainty.py "$rosim" "$model" "$DATA/lcqmc.dev.tsv" \
        "$DATA/bq.dev.tsv" "$DATA/stsb-en.dev.tsv"
fi
