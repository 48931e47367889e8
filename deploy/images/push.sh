#!/usr/bin/env bash
# Push both images and write by which digest each is to be had: push.sh REGISTRY TAG [REPORT].
# REGISTRY is a host with or without a path, TAG the remote one. The report (reports/images.json) appears
# once both are there. Log in before (podman login). Without TLS on loopback alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
source deploy/images/engine.sh

registry=${1:?push.sh REGISTRY TAG [REPORT]}
tag=${2:?push.sh REGISTRY TAG [REPORT]}
report=${3:-reports/images.json}
local=${CREDITRISK_LOCAL_TAG:-built}
flags=(--quiet --retry 3)
case ${registry%%/*} in localhost:* | 127.0.0.1:*) flags+=(--tls-verify=false) ;; esac

mkdir -p "$(dirname "$report")"
rm -f "$report"
lines=()
for name in creditrisk-api creditrisk-batch; do
    buildah push "${flags[@]}" --digestfile "$folder/digest" "localhost/$name:$local" "docker://$registry/$name:$tag"
    digest=$(cat "$folder/digest")
    size=$(podman image inspect --format '{{.Size}}' "localhost/$name:$local")
    revision=$(podman image inspect --format '{{index .Labels "org.opencontainers.image.revision"}}' "localhost/$name:$local")
    lines+=("$(printf '  {"name": "%s", "reference": "%s/%s@%s", "digest": "%s", "tag": "%s", "revision": "%s", "bytes": %s}' \
        "$name" "$registry" "$name" "$digest" "$digest" "$tag" "$revision" "$size")")
    echo "$registry/$name@$digest"
done
printf '{"images": [\n%s,\n%s\n]}\n' "${lines[@]}" >"$report.part"
mv "$report.part" "$report"
