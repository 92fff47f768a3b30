#!/bin/sh
# setup.sh [LEVEL] - installs what is missing to build, to build and test (the default: test), to run
# .ci/run (ci), the benchmarks (bench), HAProxy before two servers (haproxy), or to make the binary of images (image:
# VARIANT=small) or the Debian packages (deb).
#
# It asks for the thing itself (a command, a pkg-config module), never for a package, so that any system that has the
# libraries passes at once and silently. Only where something is missing does it need apt (Debian, Ubuntu), as root or
# through sudo; elsewhere it names what is missing and stops.
set -eu
level=${1:-test}

# level, kind of probe, what is probed, Debian's packages for it
needs='
build command   cc             gcc libc6-dev
build command   make           make
build command   pkg-config     pkg-config
build module    libmicrohttpd  libmicrohttpd-dev
build module    libcjson       libcjson-dev
build module    openblas       libopenblas-pthread-dev
build module    gnutls         libgnutls28-dev
test  module    check          check
test  command   curl           curl ca-certificates
ci    command   git            git
ci    command   shellcheck     shellcheck
ci    command   clang          clang
ci    runtime   clang          clang
image archive   libgfortran.a  gfortran
deb   command   dh             debhelper
deb   command   dpkg-buildpackage  dpkg-dev
haproxy command haproxy        haproxy
haproxy command python3        python3
bench command   wrk            wrk
bench command   python3        python3 python3-venv
'

case $level in
    build) levels=' build ' ;;
    test) levels=' build test ' ;;
    ci) levels=' build test ci ' ;;
    bench) levels=' build bench ' ;;
    image) levels=' build image ' ;;
    deb) levels=' build deb ' ;;
    haproxy) levels=' build haproxy ' ;;
    *) echo "usage: docker/setup.sh [build|test|ci|bench|image|deb|haproxy]" >&2; exit 2 ;;
esac

has() {    # kind name
    case $1 in
        command) command -v "$2" >/dev/null ;;
        module) command -v pkg-config >/dev/null && pkg-config --exists "$2" ;;
        archive) command -v cc >/dev/null && [ -e "$(cc -print-file-name="$2")" ] ;;
        runtime) command -v "$2" >/dev/null &&
                 echo 'int main(void) { return 0; }' | "$2" -fsanitize=address -x c -o /dev/null - 2>/dev/null ;;
    esac
}

# Debian keeps three builds of OpenBLAS side by side and picks one by alternatives. Ours is the one with threads of its
# own: the sequential one gives wrong results under concurrency, the OpenMP one cannot be told to use one thread.
wrong_blas_links() {
    for link in /etc/alternatives/libopenblas.so* /etc/alternatives/openblas.pc-*; do
        [ -L "$link" ] || continue
        case $(readlink "$link") in
            */openblas-pthread/*) ;;
            *) echo "$link" ;;
        esac
    done
}

find_missing() {    # sets packages (Debian's names) and missing (what the probes asked for)
    packages='' missing=''
    while read -r need kind name debian; do
        case $levels in *" $need "*) ;; *) continue ;; esac
        has "$kind" "$name" && continue
        missing="$missing $name"
        packages="$packages $debian"
        if [ "$kind" = runtime ] && has command "$name"; then
            packages="$packages libclang-rt-$("$name" -dumpversion | cut -d. -f1)-dev"
        fi
    done <<END
$needs
END
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

find_missing
if [ -n "$(wrong_blas_links)" ]; then
    missing="$missing openblas(pthread)"
    packages="$packages libopenblas-pthread-dev"
fi
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "setup: this system has no apt-get; install these yourself:$missing" >&2
    echo "setup: (libraries with their headers and pkg-config files; Debian calls them:$packages)" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    echo "setup: missing:$missing; there is no sudo, so run docker/setup.sh $level as root" >&2
    exit 1
fi
as_root apt-get update -q >&2 || echo "setup: apt-get update failed; trying the lists that are there" >&2
# A second round, because the package of a compiler's runtime has the compiler's version in its name.
for _ in 1 2; do
    [ -z "$packages" ] && break
    echo "setup: installing$packages" >&2
    # shellcheck disable=SC2086    # a list of names
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages >&2
    find_missing
done
for link in $(wrong_blas_links); do
    echo "setup: selecting the pthread build of OpenBLAS for ${link##*/}" >&2
    target=$(readlink "$link" | sed 's/openblas-[a-z0-9]*/openblas-pthread/')
    as_root update-alternatives --set "${link##*/}" "$target" >&2
done

find_missing    # again: a package that is there may still not hold what was asked for
if [ -n "$missing$(wrong_blas_links)" ]; then
    echo "setup: still missing:$missing $(wrong_blas_links)" >&2
    exit 1
fi
