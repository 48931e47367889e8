#!/usr/bin/env bash
# Have the base image that the Dockerfiles name: the registry's, or, where none can be reached, Debian's
# own packages under its name.
set -euo pipefail
cd "$(dirname "$0")/../.."
source deploy/images/engine.sh

base=$(sed -n 's/^FROM \(.*\) AS base$/\1/p' Dockerfile.api)
if buildah inspect --type image "$base" >/dev/null 2>&1 || buildah pull --quiet "$base" >/dev/null 2>&1; then
    exit 0
fi
echo "$base cannot be pulled; Debian's packages stand in for it." >&2
release=${base##*-}
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $release" 'Component: main' |
    head -1)
archive="$folder/base-$release.tar"
if [ ! -f "$archive" ]; then
    rm -rf "$folder/root"
    debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates \
        "$release" "$folder/root" "${mirror:-http://deb.debian.org/debian}" >"$folder/debootstrap.log"
    tar -C "$folder/root" --exclude=./var/cache/apt/archives/*.deb --exclude=./var/lib/apt/lists/* \
        --exclude=./usr/share/doc/* --exclude=./usr/share/man/* -cf "$archive.part" .
    mv "$archive.part" "$archive"
    rm -rf "$folder/root"
fi
podman import --quiet --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin' \
    "$archive" "$base" >/dev/null
