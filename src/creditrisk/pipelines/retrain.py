"""Retrain where drift persists, outcomes raise an alarm or a person asks; leaves a candidate.

Whatever is decided, reports/retrain_trigger.json says why. Exit 0: nothing to do, or retrained; 1:
refused or failed.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, Settings, load_settings
from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from creditrisk.monitoring.retraining.snapshot import NewData, SnapshotPlaces
    from creditrisk.monitoring.retraining.training import TrainedFiles

Reason = Annotated[
    str | None, typer.Option(help="A person asks, for this reason: no rule and no cool-down count.")
]
Run = Annotated[bool, typer.Option("--run", help="Run although monitoring.auto_retrain is false.")]
Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait for another call.")]
At = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d"], help="Moment; else now (UTC)."),
]
Served = Annotated[
    Path, typer.Option(help="Folder of served models: the champion is the model that is watched.")
]
Bundle = Annotated[
    Path, typer.Option(help="Bundle that training writes; watched where nothing is served.")
]
Splits = Annotated[Path, typer.Option(help="Folder of the splits that training writes.")]
History = Annotated[Path, typer.Option(help="Windows that were compared with training data.")]
Performance = Annotated[Path, typer.Option(help="Performance on known outcomes.")]
Labelled = Annotated[Path, typer.Option(help="List of labelled snapshots, to which one is added.")]
Snapshots = Annotated[Path, typer.Option(help="Folder of the labelled snapshots.")]
Out = Annotated[Path, typer.Option(help="Report of the decision; its lock lies beside it.")]
Runs = Annotated[Path, typer.Option(help="Record of the latest runs.")]
Url = Annotated[str | None, typer.Option(help="Ledger's database; else CREDITRISK_LEDGER_URL.")]
Anchor = Annotated[
    Path | None, typer.Option(help="Anchor of decisions; else beside CREDITRISK_LEDGER_ANCHOR.")
]
AlertFlag = Annotated[
    bool, typer.Option("--alert", help="Post alarms to CREDITRISK_ALERT_WEBHOOK_URL, each once.")
]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    *,
    reason: Reason = None,
    run_anyway: Run = False,
    wait: Wait = 0.0,
    at: At = None,
    served: Served = Path("models/served"),
    bundle: Bundle = Path("models/credit_risk_pd"),
    splits: Splits = Path("data/splits"),
    history: History = Path("reports/drift_history.json"),
    performance: Performance = Path("reports/performance.json"),
    labelled: Labelled = Path("snapshots/labelled.json"),
    snapshots: Snapshots = Path("data/labelled"),
    out: Out = Path("reports/retrain_trigger.json"),
    runs: Runs = Path("reports/retrain_runs.json"),
    url: Url = None,
    anchor: Anchor = None,
    alert: AlertFlag = False,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Decide about a retraining by params.yaml (monitoring), and run it where that is switched on.

    What becomes known of decided applicants is taken in first. The new model is a candidate.
    """
    from creditrisk.monitoring.alerts import post_alarms
    from creditrisk.monitoring.report_alarms import retraining_alarms
    from creditrisk.monitoring.retraining.report import Request
    from creditrisk.monitoring.retraining.snapshot import SnapshotPlaces
    from creditrisk.monitoring.retraining.training import COMMAND, TrainedFiles
    from creditrisk.monitoring.retraining.trigger import RetrainFiles, Retraining, retrain

    settings = load_settings(params)
    moment = _utc(at)
    trained = TrainedFiles(splits / "train.parquet", bundle / "manifest.json")
    places = SnapshotPlaces(labelled, snapshots)
    dry = not (settings.monitoring.auto_retrain or run_anyway)
    trigger = retrain(
        Retraining(
            request=Request(at=moment, reason=reason, dry=dry),
            bundle_sha256=_watched(served, trained),
            settings=settings,
            files=RetrainFiles(
                history, performance, labelled, runs, out, out.with_suffix(".lock"), trained
            ),
            take_snapshot=lambda: _take_snapshot(url, anchor, moment, places, settings),
            command=COMMAND,
            wait_seconds=wait,
        )
    )
    typer.echo(trigger.sentence())
    if alert:
        for line in post_alarms(
            retraining_alarms(trigger), settings.monitoring.webhook, out.parent
        ):
            typer.echo(line)
    if trigger.has_failed:
        raise typer.Exit(1)


def _utc(at: datetime | None) -> datetime:
    if at is None:
        return datetime.now(UTC)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _watched(served: Path, trained: TrainedFiles) -> str | None:
    """The champion's bundle; where nothing is served, the one that training has written."""
    from creditrisk.mlops.served import pointer_path, read_served

    if pointer_path(served, "champion").exists():
        return read_served(served).bundle_sha256
    return trained.state().bundle_sha256


def _take_snapshot(
    url: str | None, anchor: Path | None, at: datetime, places: SnapshotPlaces, settings: Settings
) -> NewData:
    from creditrisk.ledger import DecisionLedger
    from creditrisk.ledger.places import URL_VARIABLE, decisions_anchor
    from creditrisk.monitoring.outcomes.labelled import labelled_decisions
    from creditrisk.monitoring.retraining.snapshot import take_snapshot
    from creditrisk.monitoring.retraining.trigger import NoNewData

    place = anchor or decisions_anchor()
    if not (place.exists() or url or os.environ.get(URL_VARIABLE)):
        raise NoNewData(place)
    with DecisionLedger.open(url, anchor=anchor, create=False) as ledger:
        return take_snapshot(labelled_decisions(ledger, at.date()), places, settings.contracts)


if __name__ == "__main__":
    run(main)
