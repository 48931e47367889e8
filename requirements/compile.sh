#!/usr/bin/env bash
# Resolve the lock files anew for Python 3.11 to 3.13. Needs uv (pip install uv).
set -euo pipefail
cd "$(dirname "$0")/.."
options=(--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
    --no-strip-extras --quiet)
uv pip compile "${options[@]}" "$@" pyproject.toml requirements/build.in -o requirements/pipeline.lock
uv pip compile "${options[@]}" "$@" --all-extras --group dev -c requirements/pipeline.lock \
    pyproject.toml requirements/build.in -o requirements/dev.lock
uv pip compile "${options[@]}" "$@" -c requirements/dev.lock requirements/serve.in -o requirements/serve.lock
uv pip compile "${options[@]}" "$@" -c requirements/dev.lock requirements/images.in -o requirements/images.lock
uv pip compile "${options[@]}" "$@" -c requirements/dev.lock --extra aws --extra postgresql --extra s3 --extra xgboost \
    pyproject.toml -o requirements/batch.lock
python3 requirements/pin_without_extras.py requirements/{pipeline,dev,serve,batch}.lock
