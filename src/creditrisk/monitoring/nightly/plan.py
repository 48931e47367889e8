"""Which steps a night has, in which order, and what each waits for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from creditrisk.ledger.places import URL_VARIABLE, decisions_anchor
from creditrisk.monitoring.retraining.training import TrainedFiles

REMOTE_VARIABLE = "DVC_REMOTE_URL"
BUNDLE = str(TrainedFiles().manifest.parent)


@dataclass(frozen=True, slots=True)
class Step:
    """A command of the night.

    Attributes:
        name: what the report calls it.
        command: words; the first is looked for beside this interpreter.
        needs: steps without whose success this one is not run.
        only_after_failure_of: run only where this step did not succeed.
        missing: why it cannot be run here, None where it can.
    """

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    only_after_failure_of: str | None = None
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class NightOptions:
    """What a caller says of a night.

    Attributes:
        current: a pull of production data; empty or None where there is none.
        last: how much of the ledger is measured where there is no pull.
        api: address of the API's metrics, None where none is running.
        draw: whether production drift is drawn as a page.
    """

    current: str | None = None
    last: str = "30d"
    api: str | None = None
    draw: bool = True


def plan(options: NightOptions, environment: Mapping[str, str] | None = None) -> tuple[Step, ...]:
    """The steps of a night in their order.

    Measuring, freshness and alarms need no pipeline: they matter most when data broke.
    """
    variables = os.environ if environment is None else environment
    no_remote = None if variables.get(REMOTE_VARIABLE) else f"{REMOTE_VARIABLE} is not set"
    no_ledger = _no_ledger(variables)
    return (
        Step("pull", ("creditrisk", "remote", "pull"), missing=no_remote),
        Step("pipeline", ("dvc", "repro", "--force", "validate_model")),
        # DVC deletes a stage's outs before it runs; without a bundle nothing could be measured.
        Step("restore bundle", ("dvc", "checkout", BUNDLE), only_after_failure_of="pipeline"),
        _production(options, no_ledger),
        Step(
            "outcomes",
            ("creditrisk", "outcomes", "report", "--alert"),
            missing=no_ledger,
        ),
        Step(
            "freshness",
            ("creditrisk", "check-freshness", "--fail-on-stale", "--publish-metrics", "--alert"),
        ),
        Step("figures", _figures(options.api)),
        # Where automation may train, it is not to train on what the pipeline has just refused.
        Step(
            "retrain",
            ("creditrisk", "retrain", "--alert"),
            needs=("pipeline",),
            missing=no_ledger,
        ),
    )


def _production(options: NightOptions, no_ledger: str | None) -> Step:
    command = ["creditrisk", "monitor-production", "--publish-metrics", "--alert"]
    if not options.draw:
        command.append("--no-html")
    if options.current:
        return Step("production", (*command, "--current", options.current))
    missing = f"no pull is named (--current), and {no_ledger}" if no_ledger else None
    return Step("production", (*command, "--ledger", "--last", options.last), missing=missing)


def _figures(api: str | None) -> tuple[str, ...]:
    source = ("--url", api) if api else ("--no-api",)
    return ("creditrisk", "publish-metrics", "--once", *source)


def _no_ledger(variables: Mapping[str, str]) -> str | None:
    anchor: Path = decisions_anchor()
    if variables.get(URL_VARIABLE) or anchor.exists():
        return None
    return f"no decision was ever recorded: neither {anchor} nor {URL_VARIABLE}"
