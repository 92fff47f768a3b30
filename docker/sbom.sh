#!/bin/sh
# sbom.sh ROOT - prints an SPDX 2.3 document (JSON) of a root that image-root.sh made: rosim, the Debian packages that
# its libraries come from with their exact versions, which are linked how, and each library's digests.
# SOURCE_DATE_EPOCH fixes the time, so that the same image gives the same document.
set -eu
if [ $# -ne 1 ] || [ ! -d "$1" ]; then echo "usage: docker/sbom.sh ROOT" >&2; exit 2; fi
root=$1
version=$(sed -n 's/.*ROSIM_VERSION "\(.*\)"/\1/p' "$(dirname "$0")/../server/version.h")
created=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%Y-%m-%dT%H:%M:%SZ)
digest=$(sha256sum "$root/usr/bin/rosim" | cut -c1-32)
# shellcheck disable=SC1091    # of the image, not of this machine
distro=$(. "$root/etc/os-release" && echo "$ID-$VERSION_ID")
vendor=${distro%%-*}

# A package's line for SPDX; Debian's names and versions have no character that JSON would escape.
package() {    # name:architecture, id
    dpkg-query -W -f '${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n' "$1" |
    while read -r name number architecture source source_number; do
        purl="pkg:deb/$vendor/$name@$(printf %s "$number" | sed 's/:/%3A/; s/+/%2B/g; s/~/%7E/g')"
        cat <<END
  ,{"SPDXID": "$2", "name": "$name", "versionInfo": "$number", "supplier": "Organization: $vendor",
   "downloadLocation": "NOASSERTION", "filesAnalyzed": false, "licenseConcluded": "NOASSERTION",
   "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
   "sourceInfo": "source package $source $source_number; licence: usr/share/doc/$name/copyright of this image",
   "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                     "referenceLocator": "$purl?arch=$architecture&distro=$distro"}]}
END
    done
}

file() {    # path in the root
    cat <<END
  $comma{"SPDXID": "SPDXRef-File-$count", "fileName": "./$1", "copyrightText": "NOASSERTION",
   "licenseConcluded": "NOASSERTION", "licenseInfoInFiles": ["NOASSERTION"], "fileTypes": ["BINARY"],
   "checksums": [{"algorithm": "SHA1", "checksumValue": "$(sha1sum "$root/$1" | cut -d' ' -f1)"},
                 {"algorithm": "SHA256", "checksumValue": "$(sha256sum "$root/$1" | cut -d' ' -f1)"}]}
END
}

relation() {
    printf '  %s{"spdxElementId": "%s", "relationshipType": "%s", "relatedSpdxElement": "%s"}\n' "$comma" "$1" "$2" "$3"
}

id_of() { printf 'SPDXRef-Package-%s' "$1" | tr -c 'A-Za-z0-9.-' '-'; }

installed=$(ls "$root/var/lib/dpkg/status.d")
binaries=$(cd "$root" && find . -type f \( -name '*.so*' -o -path ./usr/bin/rosim \) | sed 's|^\./||' | sort)

cat <<END
{"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "rosim-$version-image",
 "documentNamespace": "urn:rosim:sbom:$version:$digest",
 "creationInfo": {"created": "$created", "creators": ["Tool: rosim-sbom.sh-$version"]},
 "packages": [
  {"SPDXID": "SPDXRef-Package-rosim", "name": "rosim", "versionInfo": "$version", "supplier": "NOASSERTION",
   "downloadLocation": "NOASSERTION", "filesAnalyzed": false, "licenseConcluded": "MIT", "licenseDeclared": "MIT",
   "copyrightText": "NOASSERTION", "primaryPackagePurpose": "APPLICATION"}
END
for name in $installed; do
    package "$(awk '/^Architecture: / { print $2 }' "$root/var/lib/dpkg/status.d/$name" | sed "s/^/$name:/")" \
            "$(id_of "$name")"
done
echo ' ],'
echo ' "files": ['
comma='' count=0
for path in $binaries; do
    file "$path"
    comma=, count=$((count + 1))
done
echo ' ],'
echo ' "relationships": ['
comma=''
relation SPDXRef-DOCUMENT DESCRIBES SPDXRef-Package-rosim
comma=,
static=$(sed 's/:.*//' "$root/usr/share/doc/rosim/static-packages" 2>/dev/null || true)
for name in $installed; do
    case " $(echo "$static" | tr '\n' ' ') " in
        *" $name "*) relation SPDXRef-Package-rosim STATIC_LINK "$(id_of "$name")" ;;
        *) relation SPDXRef-Package-rosim DYNAMIC_LINK "$(id_of "$name")" ;;
    esac
done
count=0
for path in $binaries; do
    owner=rosim
    [ "$path" = usr/bin/rosim ] ||
        owner=$({ dpkg -S "/$path" || dpkg -S "/usr/$path" || dpkg -S "/${path#usr/}"; } 2>/dev/null |
                sed 's/:.*//;q')
    relation "SPDXRef-File-$count" GENERATED_FROM "$(id_of "$owner")"
    count=$((count + 1))
done
echo ' ]}'
