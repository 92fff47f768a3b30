#!/bin/sh
# build.sh - builds rosim_VERSION_ARCH.deb and rosim-model-default_VERSION_all.deb into build/deb, the way Debian's own
# build daemons do: a source tree of the committed files, debhelper, dpkg-buildpackage.
# DEBFULLNAME and DEBEMAIL sign the changelog.
set -eu
cd "$(dirname "$0")/../.."
docker/setup.sh deb
version=$(sed -n 's/.*ROSIM_VERSION "\(.*\)"/\1/p' server/version.h)
day=$(sed -n 's/.*ROSIM_DATE "\([^"]*\)".*/\1/p' server/version.h)
tree=build/deb/rosim-$version
rm -rf build/deb
mkdir -p "$tree"
if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard Makefile LICENSE NOTICE README.md docker model server weights
else
    find Makefile LICENSE NOTICE README.md docker model server weights -type f ! -path 'weights/cache/*' -print0
fi | xargs -0 cp --parents -t "$tree"
cp -r docker/debian "$tree/debian"
rm "$tree/debian/build.sh"
cat >"$tree/debian/changelog" <<END
rosim ($version) unstable; urgency=medium

  * Version $version; README and docs say what it does.

 -- ${DEBFULLNAME:-The authors of rosim} <${DEBEMAIL:-authors@rosim.example.com}>  $(date -R -u -d "$day")
END
(cd "$tree" && DEB_BUILD_OPTIONS="noautodbgsym parallel=$(nproc)" dpkg-buildpackage --build=binary --no-sign)
rm -rf "$tree"
ls -l build/deb/*.deb
