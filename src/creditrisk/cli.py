"""The `creditrisk` command: each subcommand is one module of `creditrisk.pipelines`.

Only the module of the subcommand that runs is imported, so that the help answers at once.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import files
from typing import NoReturn

COMMANDS = {
    "generate-data": "generate_data",
    "ingest-data": "ingest_data",
    "build-feature-store": "build_feature_store",
    "split-data": "split_data",
    "fit-model": "train_creditrisk_pd",
    "evaluate": "evaluate",
    "summarise-validation": "summarise_validation",
    "record-lineage": "record_lineage",
    "monitor-drift": "monitor_drift",
    "monitor-production": "monitor_production",
    "check-freshness": "check_freshness",
    "publish-metrics": "publish_metrics",
    "validate-model": "validate_model",
    "register-candidate": "register_candidate",
    "canary-validation": "canary_validation",
    "deploy-manifest": "deploy_manifest",
    "deploy-ecs": "deploy_ecs",
    "smoke-test": "smoke_test",
    "model-report": "model_report",
    "show-results": "show_results",
    "show-scorecard": "show_scorecard",
    "summarise-delivery": "summarise_delivery",
    "auto-promote": "auto_promote",
    "promote-model": "promote_model",
    "rollback-model": "rollback_model",
    "ledger": "ledger",
    "batch-predict": "batch_predict",
    "serve": "serve",
    "fetch-bundle": "fetch_bundle",
    "api-key": "api_key",
    "watch-registry": "watch_registry",
    "ship-inference": "ship_inference",
    "retrain": "retrain",
    "nightly": "nightly",
    "trace": "trace",
    "replay": "replay",
    "outcomes": "outcomes",
    "simulate": "simulate",
    "remote": "remote",
}

USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one subcommand and exit with its code; exit 2 where there is none of that name."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in {"-h", "--help"}:
        sys.stdout.write(_help())
        sys.exit(0 if words else USAGE_ERROR)
    if words[0] == "--version":
        sys.stdout.write(f"creditrisk {version('creditrisk')}\n")
        sys.exit(0)
    _run(words[0], words[1:])


def _run(name: str, arguments: list[str]) -> NoReturn:
    if name not in COMMANDS:
        sys.stderr.write(f"creditrisk has no command '{name}'. It has: {', '.join(COMMANDS)}.\n")
        sys.exit(USAGE_ERROR)
    from creditrisk.pipelines.command import run

    module = importlib.import_module(f"creditrisk.pipelines.{COMMANDS[name]}")
    sys.argv = [f"creditrisk {name}", *arguments]
    run(module.main)


def _help() -> str:
    rows = (f"  {name:<22}{_summary(module)}" for name, module in COMMANDS.items())
    lines = (
        "Usage: creditrisk COMMAND [OPTIONS]",
        "",
        "From raw loan applications to an evaluated, tracked probability-of-default model.",
        "",
        "Commands:",
        *rows,
        "",
        "`creditrisk COMMAND --help` lists a command's options.",
    )
    return "\n".join(lines) + "\n"


def _summary(module: str) -> str:
    """The first line of a module's docstring, read without importing it."""
    source = files("creditrisk.pipelines").joinpath(f"{module}.py").read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(source)) or ""
    return docstring.partition("\n")[0]
