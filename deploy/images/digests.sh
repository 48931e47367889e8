#!/usr/bin/env bash
# Print by which digest each pushed image is to be had, a line each (api=sha256:...): digests.sh [REPORT].
set -euo pipefail
cd "$(dirname "$0")/../.."

report=${1:-reports/images.json}
digests=$(sed -n 's/.*"name": "creditrisk-\([a-z]*\)".*"digest": "\(sha256:[0-9a-f]\{64\}\)".*/\1=\2/p' "$report")
# A report without both is none: what is deployed, and what provenance speaks of, hangs on it.
if [ "$(cut -d= -f1 <<<"$digests" | xargs)" != "api batch" ]; then
    echo "$report does not name the digests of both images; it names: ${digests:-none}" >&2
    exit 1
fi
echo "$digests"
