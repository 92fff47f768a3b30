#!/bin/sh
# run.sh BUILD - compares rosim with the reference implementations in Python. The only tests that need Python and, for
# `make models`, the network.
#   VENV  a virtual environment that has requirements.txt (default: .venv, made here when it is missing)
#   STS   the folder of the development sets (default: ../shared/data/sts)
set -u
build=$1
cd "$(dirname "$0")/../.." || exit 1
here=tests/parity
venv=${VENV:-.venv}
sts=${STS:-../shared/data/sts}
if ! [ -x "$venv/bin/python" ]; then
    python3 -m venv "$venv" && "$venv/bin/pip" install -q -r $here/requirements.txt || exit 1
fi
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false PYTHONDONTWRITEBYTECODE=1
failed=0

part() {
    echo "== $1"
    shift
    "$venv/bin/python" "$@" || failed=$((failed + 1))
}

[ -d weights/cache ] || make models || exit 1
driver=$build/tests/parity/tokenize_stream
part 'token ids' $here/tokenizer_parity.py "$driver" --cache weights/cache ${sts:+--sts "$sts"}
part 'vectors' $here/vectors_parity.py "$build/rosim" ${sts:+--sts "$sts"}
part 'bf16 and int8' $here/vectors_parity.py "$build/rosim" --precisions ${sts:+--sts "$sts"}
echo "parity: $failed of 3 parts failed"
[ "$failed" -eq 0 ]
