#!/usr/bin/env bash
# Write what compose.yaml needs into deploy/compose/secrets, which git ignores: passwords and keys, once,
# and at each call the hash of the model that `make demo` has left.
set -euo pipefail
cd "$(dirname "$0")/../.."
secrets=${1:-deploy/compose/secrets}
manifest=${2:-models/credit_risk_pd/manifest.json}

[ -f "$manifest" ] || { echo "$manifest does not exist: run make demo first." >&2; exit 1; }
umask 077
mkdir -p "$secrets"
if [ ! -f "$secrets/passwords.env" ]; then
    for name in POSTGRES_PASSWORD LEDGER_PASSWORD MLFLOW_PASSWORD LEDGER_KEY STORE_KEY_ID STORE_SECRET GRAFANA_PASSWORD; do
        echo "$name=$(python3 -c 'import secrets; print(secrets.token_hex(32))')"
    done >"$secrets/passwords.env.part"
    mv "$secrets/passwords.env.part" "$secrets/passwords.env"
fi
if [ ! -f "$secrets/metrics_key" ]; then
    rm -f "$secrets/api_keys.json"
    export CREDITRISK_API_KEYS_FILE="$secrets/api_keys.json"
    creditrisk api-key create lender --scope predict --scope audit >"$secrets/lender_key"
    creditrisk api-key create prometheus --scope admin | tr -d '\n' >"$secrets/metrics_key.part"
    mv "$secrets/metrics_key.part" "$secrets/metrics_key"
fi
# The containers' users are others than this one; the folder lets nobody else in.
chmod 644 "$secrets/api_keys.json" "$secrets/metrics_key"
digest=${CREDITRISK_BUNDLE_SHA256:-$(sha256sum "$manifest" | cut -d' ' -f1)}
{ cat "$secrets/passwords.env"; echo "CREDITRISK_BUNDLE_SHA256=$digest"; } >"$secrets/stack.env"
