#!/bin/sh
# image-root.sh BINARY DIR - makes DIR the whole root of an image: the binary, the shared libraries that ldd names and
# nothing else that runs; users, licences, and what is in it: an SPDX file for people (docker/sbom.sh) and dpkg's
# entries (as distroless images have them) for scanners. Needs a Debian or Ubuntu whose packages brought the libraries.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ne 2 ]; then echo "usage: docker/image-root.sh BINARY DIR" >&2; exit 2; fi
binary=$1 root=$2
if [ ! -x "$binary" ]; then echo "image-root: $binary: not an executable" >&2; exit 1; fi
if [ -e "$root" ]; then echo "image-root: $root: exists" >&2; exit 1; fi

libraries() {    # absolute paths, the loader's own among them
    ldd "$binary" | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^\//) { print $i; break } }'
}
if ldd "$binary" | grep 'not found' >&2; then exit 1; fi

# Debian has merged /lib into /usr/lib, but packages of before that are still known by their old name.
package_of() { dpkg -S "$1" 2>/dev/null || dpkg -S "/usr$1" 2>/dev/null || dpkg -S "${1#/usr}"; }

mkdir -p "$root/usr/bin" "$root/usr/share/rosim" "$root/usr/share/doc/rosim" "$root/usr/share/common-licenses" \
         "$root/etc" "$root/var/lib/dpkg/status.d" "$root/var/lib/rosim"
install -m 755 "$binary" "$root/usr/bin/rosim"
packages=$(mktemp)
trap 'rm -f "$packages"' EXIT
libraries | while read -r library; do
    install -D -m 755 "$library" "$root$library"
    package_of "$library" | sed 's/: .*//'
done | sort -u >"$packages"
if [ ! -s "$packages" ]; then echo "image-root: no package of dpkg's holds the libraries" >&2; exit 1; fi

# OpenBLAS and Fortran's library are inside the binary (VARIANT=small).
if ! libraries | grep -q openblas; then
    dpkg-query -W -f '${Package}:${Architecture} ${Status}\n' 'libopenblas-pthread-dev' 'libgfortran-*-dev' |
        sed -n 's/ install ok installed$//p' >"$packages.static"
    mv "$packages.static" "$root/usr/share/doc/rosim/static-packages"
fi
cat "$packages" "$root/usr/share/doc/rosim/static-packages" 2>/dev/null | while read -r package; do
    name=${package%%:*}
    install -D -m 644 "/usr/share/doc/$name/copyright" "$root/usr/share/doc/$name/copyright"
    dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$name"
done
cp "$here/../LICENSE" "$here/../NOTICE" "$root/usr/share/doc/rosim/"
for licence in GPL-2 GPL-3 LGPL-2.1 LGPL-3 Apache-2.0; do
    cp "/usr/share/common-licenses/$licence" "$root/usr/share/common-licenses/"
done
cp /etc/os-release "$root/etc/os-release"
echo 'rosim:x:65532:65532:rosim:/var/lib/rosim:/nonexistent' >"$root/etc/passwd"
echo 'rosim:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
chown 65532:65532 "$root/var/lib/rosim" 2>/dev/null || echo "image-root: not root: /var/lib/rosim is yours" >&2

"$here/sbom.sh" "$root" >"$root/usr/share/doc/rosim/sbom.spdx.json"
rm -f "$root/usr/share/doc/rosim/static-packages"
du -sb "$root" | awk '{ printf "image-root: %s, %.1f MB\n", $2, $1 / 1e6 }' >&2
