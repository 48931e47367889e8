"""Load matured outcomes of decisions, and report how well the PDs did and are expected to do.

`load FILE` joins CSV or Parquet (decision_id or SK_ID_CURR, TARGET, maturity_date or
observation_date) to decisions. `report` measures and judges; exit 0 unless asked otherwise.
"""

from __future__ import annotations

import getpass
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, Settings, load_settings
from creditrisk.pipelines.command import run

if TYPE_CHECKING:
    from creditrisk.data.sources.location import Location
    from creditrisk.ledger import DecisionLedger
    from creditrisk.monitoring.outcomes.comparison import ReferenceSide

Action = Annotated[
    Literal["load", "report"],
    typer.Argument(help="load a file of outcomes; report performance."),
]
File = Annotated[
    str | None, typer.Argument(help="load: CSV or Parquet; path or URL.", show_default=False)
]
AsOf = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Nothing later is known; else today (UTC)."),
]
By = Annotated[str | None, typer.Option(help="load: who loads; else the system's user.")]
Refused = Annotated[
    Path | None,
    typer.Option(help="load: file of refused rows; else in reports/outcomes/, named for FILE."),
]
Out = Annotated[Path, typer.Option(help="report: file to write.")]
Predictions = Annotated[Path, typer.Option(help="report: the test side, shown beside, if there.")]
Metrics = Annotated[Path, typer.Option(help="report: names the model of the test side.")]
AlertFlag = Annotated[
    bool,
    typer.Option("--alert", help="report: post alarms to CREDITRISK_ALERT_WEBHOOK_URL, each once."),
]
FailOnAlarm = Annotated[
    bool, typer.Option("--fail-on-alarm", help="report: exit 1 where an alarm is raised.")
]
Url = Annotated[str | None, typer.Option(help="Database; else CREDITRISK_LEDGER_URL.")]
AnchorFile = Annotated[
    Path | None, typer.Option(help="Anchor; else beside CREDITRISK_LEDGER_ANCHOR.")
]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    action: Action,
    file: File = None,
    *,
    as_of: AsOf = None,
    by: By = None,
    refused: Refused = None,
    out: Out = Path("reports/performance.json"),
    predictions: Predictions = Path("reports/test_predictions.parquet"),
    metrics: Metrics = Path("reports/test_metrics.json"),
    alert: AlertFlag = False,
    fail_on_alarm: FailOnAlarm = False,
    url: Url = None,
    anchor: AnchorFile = None,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Load matured outcomes of decisions, or report performance on them and before them."""
    from creditrisk.data.sources.location import Location
    from creditrisk.ledger import DecisionLedger
    from creditrisk.monitoring.alerts import post_alarms
    from creditrisk.monitoring.outcomes.performance import measure_performance
    from creditrisk.monitoring.report_alarms import outcome_alarms

    if (action == "load") != (file is not None):
        raise typer.BadParameter("load takes one FILE, report takes none", param_hint="FILE")
    settings = load_settings(params)
    day = as_of.date() if as_of else datetime.now(UTC).date()
    with DecisionLedger.open(url, anchor=anchor, create=False) as ledger:
        if file is not None:
            _load(Location(file), ledger, settings, as_of=day, by=by or _user(), refused=refused)
            return
        report = measure_performance(
            ledger, settings, day, _test_side(predictions, metrics, settings)
        )
    report.write(out)
    typer.echo(report.headline())
    if alert:
        for line in post_alarms(outcome_alarms(report), settings.monitoring.webhook, out.parent):
            typer.echo(line)
    if fail_on_alarm and report.status == "alarm":
        raise typer.Exit(1)


def _test_side(predictions: Path, metrics: Path, settings: Settings) -> ReferenceSide | None:
    """The test side of the last pipeline, where it lies here; a deployment may have none."""
    from creditrisk.monitoring.outcomes.comparison import reference_side
    from creditrisk.testing.evaluation import EvaluationReport

    if not (predictions.exists() and metrics.exists()):
        return None
    bundle_sha256 = EvaluationReport.read(metrics).bundle_sha256
    bars = settings.monitoring.outcomes
    return reference_side(predictions, bundle_sha256, settings.policy, bars)


def _load(
    place: Location,
    ledger: DecisionLedger,
    settings: Settings,
    *,
    as_of: date,
    by: str,
    refused: Path | None,
) -> None:
    """Load a file; exit 1 where not one of its outcomes stands afterwards."""
    from creditrisk.monitoring.outcomes.loading import LoadRequest, load_outcomes

    with _on_this_machine(place, settings) as path:
        request = LoadRequest(
            path=path,
            shown=place.shown,
            refused=refused or Path("reports/outcomes") / f"{place.name}.refused.csv",
            loaded_by=by,
            as_of=as_of,
        )
        done = load_outcomes(request, ledger, settings)
    typer.echo(done.sentence())
    if not done.loaded and not done.known:
        raise typer.Exit(1)


@contextmanager
def _on_this_machine(place: Location, settings: Settings) -> Iterator[Path]:
    from creditrisk.observability.progress import progress_bars
    from creditrisk.scoring.batch.places import fetch_file, is_local

    if is_local(place):
        yield place.path
        return
    with tempfile.TemporaryDirectory() as folder:
        with progress_bars() as progress:
            path = fetch_file(place, Path(folder) / "outcomes", settings.ingest, progress)
        yield path


def _user() -> str:
    """The system's name of who runs this; a container may have none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


if __name__ == "__main__":
    run(main)
