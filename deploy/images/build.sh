#!/usr/bin/env bash
# Build both images from this checkout: build.sh [TAG [BUILDAH'S FLAGS]]. Flags such as
# --build-arg BUNDLE=models/credit_risk_pd go to buildah. --layers keeps each step, which makes the next
# build quick and this one a third dearer.
set -euo pipefail
cd "$(dirname "$0")/../.."
source deploy/images/engine.sh

tag=${1:-built}
flags=(--format docker --ignorefile .dockerignore "${@:2}")
flags+=(--build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)")
flags+=(--build-arg "VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)")
# Downloads are verified against the authorities that this machine trusts.
certificates=/etc/ssl/certs/ca-certificates.crt
if [ -f "$certificates" ]; then
    printf '[global]\ncert = %s\n' "$certificates" >"$folder/pip.conf"
    flags+=(--volume /etc/ssl/certs:/etc/ssl/certs:ro --volume "$folder/pip.conf:/etc/pip.conf:ro")
fi
export TMPDIR="$folder/tmp" # the cache of downloads, which outlives a build, lies there
mkdir -p "$TMPDIR"

deploy/images/base.sh
for name in api batch; do
    started=$SECONDS
    buildah bud "${flags[@]}" --file "Dockerfile.$name" --tag "localhost/creditrisk-$name:$tag" . >"$folder/$name.log" 2>&1 ||
        { tail -40 "$folder/$name.log" >&2; exit 1; }
    megabytes=$(($(podman image inspect --format '{{.Size}}' "localhost/creditrisk-$name:$tag") / 1000000))
    echo "localhost/creditrisk-$name:$tag: $megabytes MB in $((SECONDS - started)) s"
done
