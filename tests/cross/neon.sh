#!/bin/sh
# neon.sh - `make neon`: builds the kernels and the encoder for 64-bit ARM and runs their tests under qemu-user, which
# says nothing about speed. Needs Debian's cross compiler and qemu-user; the libraries for ARM are unpacked into
# build/arm64 (apt keeps its lists and its cache there, so that the system's own architectures stay as they are).
set -eu
cd "$(dirname "$0")/../.."
root=$(pwd)/build/arm64
machine=aarch64-linux-gnu
tests=${TESTS:-'check_kernels_dense check_kernels_math check_encoder_attention check_encoder_bits check_encoder_golden'}
export CHECK_LEVEL=neon OPENBLAS_NUM_THREADS=1 CK_DEFAULT_TIMEOUT=3000
[ "$(id -u)" -eq 0 ] && sudo='' || sudo=sudo

need() {    # command, package...
    command -v "$1" >/dev/null && return
    shift
    $sudo apt-get update -q >&2
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2
}

fetch_libraries() {
    [ -e "$root/.ready" ] && return
    mkdir -p "$root/lists/partial" "$root/cache/archives/partial" "$root/tree"
    : >"$root/status"
    set -- -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::lists="$root/lists" \
        -o Dir::State::status="$root/status" -o Dir::Cache="$root/cache" -o APT::Sandbox::User=root
    apt-get "$@" update >&2
    apt-get "$@" install -y --download-only --no-install-recommends libopenblas0-pthread libopenblas-pthread-dev \
        check libcjson-dev >&2
    for package in "$root"/cache/archives/*.deb; do dpkg -x "$package" "$root/tree"; done
    touch "$root/.ready"
}

need $machine-gcc gcc-$machine libc6-dev-arm64-cross
need qemu-aarch64 qemu-user
fetch_libraries
libraries=$root/tree/usr/lib/$machine
blas=$libraries/openblas-pthread
objects=''
for test in $tests; do objects="$objects build/neon/tests/$test"; done
# Without -fno-tree-vectorize gcc 12 for ARM ends with an internal error in a test.
# shellcheck disable=SC2086    # lists of names
make -j"$(nproc)" CC=$machine-gcc AR=$machine-ar VARIANT=neon CFLAGS='-O2 -fno-tree-vectorize -Werror' \
    PACKAGE_CFLAGS="-I$root/tree/usr/include/$machine/openblas-pthread -I$root/tree/usr/include/cjson" \
    PACKAGE_LIBS="-L$blas -L$libraries -Wl,-rpath-link,$libraries -lcjson -lopenblas" $objects
passed=0 failed=0
for test in $tests; do
    line=$(qemu-aarch64 -L /usr/$machine \
        -E LD_LIBRARY_PATH="$blas:$libraries:$root/tree/lib/$machine" "build/neon/tests/$test" | tee /dev/stderr |
        grep -E '^[0-9]+%: Checks' || echo '0%: Checks: 1, Failures: 0, Errors: 1')
    checks=$(echo "$line" | sed 's/.*Checks: \([0-9]*\).*/\1/')
    bad=$(($(echo "$line" | sed 's/.*Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 + \2/')))
    passed=$((passed + checks - bad)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
