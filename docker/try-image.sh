#!/bin/sh
# try-image.sh - builds the image and runs it hardened as compose.yaml does, on a Debian machine that has neither Docker
# nor a registry of images: a base by debootstrap, the build by buildah, the run by podman. As root, about two minutes.
# Needs buildah, podman, runc, debootstrap and curl. PORT (default 18080) must be free.
set -eu
cd "$(dirname "$0")/.."
port=${PORT:-18080}
base=debian:bookworm-slim
flags='--cgroup-manager=cgroupfs --runtime=runc'    # runc: crun refuses a hybrid of cgroups 1 and 2

if ! buildah inspect --type image $base >/dev/null 2>&1; then
    root=$(mktemp -d)
    debootstrap --variant=minbase bookworm "$root"
    (cd "$root" && rm -rf var/cache/apt/* var/lib/apt/lists/* var/log/* usr/share/man/* usr/share/locale/* &&
        find usr/share/doc -type f ! -name copyright -delete)
    container=$(buildah from scratch)
    buildah add -q "$container" "$root" /
    buildah commit -q --rm "$container" $base
    rm -rf "$root"
fi
# Isolation by chroot shares the host's network, all that a build needs; docker is the format with a health check.
# shellcheck disable=SC2086    # flags is a list
podman() { command podman $flags "$@"; }
build() { buildah bud -q --layers --pull-never --isolation chroot --format docker -f docker/Dockerfile "$@" .; }
build --target bare -t rosim:bare
build -t rosim
buildah images
bare_bytes=$(podman image inspect --format '{{.Size}}' rosim:bare)
echo "without the model: $bare_bytes bytes"
if [ "$bare_bytes" -gt 20000000 ]; then echo "try-image: more than 20 MB" >&2; exit 1; fi

container=$(podman run --detach --pull=never --network=host --read-only --cap-drop=ALL \
                   --security-opt=no-new-privileges --security-opt=seccomp=docker/seccomp.json \
                   --ulimit nofile=20000:20000 --ulimit nproc=1000:1000 --env ROSIM_PORT="$port" rosim)
trap 'podman rm -f "$container" >/dev/null' EXIT
tries=0
until curl -fs "http://127.0.0.1:$port/readyz"; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { podman logs "$container"; exit 1; }
    sleep 0.1
done
curl -fsS "http://127.0.0.1:$port/v1/similarity" -H 'Content-Type: application/json' \
     -d '{"pairs": [["今天天气不错", "今天天气很好"], ["A man is eating.", "Someone eats."]]}'
echo
podman exec "$container" rosim check --ready --host 127.0.0.1    # what HEALTHCHECK calls
grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' "/proc/$(podman inspect --format '{{.State.Pid}}' "$container")/status"
podman stop --time 45 "$container" >/dev/null
echo "stopped by SIGTERM, exit status $(podman inspect --format '{{.State.ExitCode}}' "$container")"
