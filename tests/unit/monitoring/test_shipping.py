from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from recorded import KEY, START, Recorded, decision, opened, refusal, submit

from creditrisk.core.errors import CreditRiskError
from creditrisk.ledger import DecisionLedger, StoredDecision
from creditrisk.ledger.errors import DamagedDecision
from creditrisk.mlops.errors import TrackingUnavailable
from creditrisk.mlops.store import connect
from creditrisk.monitoring.shipping import (
    AnotherShipper,
    Cursor,
    ForeignRecords,
    Rhythm,
    Shipper,
    alone,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.usefixtures("shared_store"),
]

LATE = START + 1_000
NOT_A_DATABASE = "not a database, but long enough to be read as one" * 9

# Ships everything, and dies by SIGKILL at the third run: `before` or `after` MLflow has it whole.
KILLED = """
import os, sys, time
from pathlib import Path
from creditrisk.ledger import DecisionLedger
from creditrisk.mlops.inference import InferenceStore
from creditrisk.monitoring.shipping import Cursor, Rhythm, Shipper
folder, experiment, moment = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
seen = []
def killing(method, on_third):
    def call(self, *arguments, **named):
        seen.append(1)
        if len(seen) == 3:
            if on_third == "after":
                method(self, *arguments, **named)
            os.kill(os.getpid(), 9)
        return method(self, *arguments, **named)
    return call
if moment == "half-way":
    import mlflow
    mlflow.MlflowClient.log_batch = killing(mlflow.MlflowClient.log_batch, "before")
else:
    InferenceStore.deliver = killing(InferenceStore.deliver, moment)
ledger = DecisionLedger.open(f"sqlite:///{folder}/ledger.db", anchor=folder / "anchor.json")
shipper = Shipper(ledger, experiment, folder / "cursor.json", Rhythm())
shipper.ship(time.time(), everything=True)
"""


def shipper(
    ledger: Recorded | DecisionLedger,
    experiment: str,
    cursor: Path,
    rhythm: Rhythm = Rhythm(),  # noqa: B008 - frozen
) -> Shipper:
    """A shipper of that ledger."""
    return Shipper(cast("DecisionLedger", ledger), experiment, cursor, rhythm)


def runs(experiment: str) -> list[Any]:
    """The runs of requests in an experiment, in the order of the ledger."""
    client: Any = connect().MlflowClient()
    found = client.get_experiment_by_name(experiment)
    kept = client.search_runs(
        [found.experiment_id],
        filter_string="tags.record = 'requests'",
        order_by=["metrics.ledger_last ASC"],
        max_results=1_000,
    )
    return list(kept)


def ranges(experiment: str) -> list[str]:
    """What stretches of the ledger they stand for."""
    return [run.data.tags["ledger_key"].rpartition("-")[0] for run in runs(experiment)]


def total(experiment: str, metric: str) -> float:
    """A count over all finished runs."""
    finished = [run for run in runs(experiment) if run.info.status == "FINISHED"]
    return sum(run.data.metrics.get(metric, 0) for run in finished)


def busy(seconds: int, a_second: int) -> Recorded:
    """A ledger of so many requests, evenly spread from noon on."""
    ledger = Recorded()
    for number in range(seconds * a_second):
        at = number / a_second
        ledger.add(at, f"request-{number}", decision(received=at - 0.005))
    return ledger


def test_a_quiet_window_gives_a_run_a_request(tmp_path: Path) -> None:
    """Requests are told apart where that is affordable, refused ones too."""
    ledger = busy(seconds=2, a_second=2)
    ledger.add(3, "refused", refusal(2.9), "refusal")
    assert shipper(ledger, "Quiet", tmp_path / "cursor.json").ship(LATE) == 5
    assert ranges("Quiet") == ["1-1", "2-2", "3-3", "4-4", "5-5"]
    assert runs("Quiet")[-1].data.tags["refused_rules"] == "features.unknown:1"


def test_a_busy_window_gives_one_run(tmp_path: Path) -> None:
    """Above the rate, requests of ten seconds are one run; no request is left out."""
    ledger = busy(seconds=20, a_second=8)
    assert shipper(ledger, "Busy", tmp_path / "cursor.json").ship(LATE) == 2
    assert ranges("Busy") == ["1-80", "81-160"]
    assert total("Busy", "requests") == 160


def test_an_open_window_waits(tmp_path: Path) -> None:
    """What it will hold is not known yet; once it is over it comes whole."""
    ledger = busy(seconds=15, a_second=8)
    own = shipper(ledger, "Open", tmp_path / "cursor.json", Rhythm(runs_per_second=5))
    assert own.ship(START + 15) == 1
    assert own.ship(START + 21.9) == 0
    assert own.ship(START + 22) == 40
    assert total("Open", "requests") == 120


def test_an_entry_of_the_future_holds_nothing_up(tmp_path: Path) -> None:
    """A clock that is ahead counts as ours."""
    ledger = busy(seconds=1, a_second=1)
    ledger.add(1e8, "from the future", decision())
    ledger.add(2, "after it", decision())
    own = shipper(ledger, "Future", tmp_path / "cursor.json")
    assert own.ship(START + 5) == 0
    assert own.ship(START + 12) == 3


def test_times_of_the_future_alone_are_shipped(tmp_path: Path) -> None:
    """They are not waited for."""
    ledger = Recorded()
    ledger.add(1e8, "from the future", decision())
    assert shipper(ledger, "Only future", tmp_path / "cursor.json").ship(START) == 1


def test_a_request_that_spans_pages_is_one(tmp_path: Path) -> None:
    """A thousand records of one request are read in two steps, and shipped in one."""
    ledger = Recorded()
    for _ in range(1_000):
        ledger.add(1, "large", decision(received=0.5))
    shipper(ledger, "Large", tmp_path / "cursor.json").ship(LATE)
    (run,) = runs("Large")
    assert (run.data.tags["entity_count"], run.data.metrics["requests"]) == ("1000", 1)


def test_days_are_sessions(tmp_path: Path) -> None:
    """A session is a day of the ledger, whichever process ships it."""
    ledger = busy(seconds=1, a_second=1)
    ledger.add(86_400, "tomorrow", decision())
    shipper(ledger, "Days", tmp_path / "cursor.json").ship(LATE + 86_400)
    assert [run.data.tags["session"] for run in runs("Days")] == ["2026-11-23", "2026-11-24"]


def test_what_is_delivered_is_not_delivered_again(tmp_path: Path) -> None:
    """Neither by the same shipper nor by the next one, with its cursor or without."""
    ledger = busy(seconds=3, a_second=1)
    cursor = tmp_path / "cursor.json"
    own = shipper(ledger, "Again", cursor)
    assert [own.ship(LATE), own.ship(LATE), shipper(ledger, "Again", cursor).ship(LATE)] == [
        3,
        0,
        0,
    ]
    cursor.unlink()
    assert shipper(ledger, "Again", cursor).ship(LATE) == 0


def test_another_cursor_s_ledger_does_not_count(tmp_path: Path) -> None:
    """A new ledger begins at its beginning, whatever the file of the old one says."""
    cursor = tmp_path / "cursor.json"
    Cursor(ledger_id="9" * 64, sequence=500, sha256="8" * 64).write(cursor)
    assert shipper(busy(seconds=2, a_second=1), "New ledger", cursor).ship(LATE) == 2


def test_an_older_copy_of_the_ledger_is_refused(tmp_path: Path) -> None:
    """Where MLflow knows entries that the ledger does not have, a person must look."""
    ledger = busy(seconds=3, a_second=1)
    cursor = tmp_path / "cursor.json"
    shipper(ledger, "Older copy", cursor).ship(LATE)
    del ledger.entries[-1]
    with pytest.raises(ForeignRecords, match="up to entry 3"):
        shipper(ledger, "Older copy", cursor).ship(LATE)


def test_an_empty_ledger_ships_nothing(tmp_path: Path) -> None:
    """It makes neither runs nor a cursor."""
    assert shipper(Recorded(), "Empty", tmp_path / "cursor.json").ship(LATE) == 0
    assert not (tmp_path / "cursor.json").exists()


def test_entries_of_the_ledger_itself_are_passed(tmp_path: Path) -> None:
    """A retention between requests is no request, and is not read again and again."""
    ledger = busy(seconds=1, a_second=1)
    ledger.add(2, "", json.dumps({"days": 30}).encode(), "retention")
    ledger.add(30, "later", decision())
    shipper(ledger, "Retention", tmp_path / "cursor.json").ship(LATE)
    assert ranges("Retention") == ["1-1", "3-3"]


def test_a_damaged_content_is_shipped_as_unreadable(tmp_path: Path) -> None:
    """It does not hold up the others of its page."""

    class Damaged(Recorded):
        def after(
            self, sequence: int, limit: int = 1_000, *, contents: bool = True
        ) -> list[StoredDecision]:
            page = super().after(sequence, limit)
            if contents and any(entry.sequence == 2 for entry in page):
                raise DamagedDecision(2, "its content cannot be unpacked")
            return page

    ledger = Damaged(busy(seconds=3, a_second=1).entries)
    shipper(ledger, "Damaged", tmp_path / "cursor.json").ship(LATE)
    assert [run.data.metrics["unreadable"] for run in runs("Damaged")] == [0, 1, 0]


def test_an_outage_loses_nothing_and_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails half-way through a run, then altogether; afterwards all is there once."""
    ledger = busy(seconds=5, a_second=1)
    own = shipper(ledger, "Outage", tmp_path / "cursor.json")
    mlflow: Any = connect()
    calls: list[int] = []
    log_batch = mlflow.MlflowClient.log_batch

    def fail_third(*arguments: Any, **named: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise mlflow.exceptions.MlflowException("the store is gone")
        log_batch(*arguments, **named)

    monkeypatch.setattr(mlflow.MlflowClient, "log_batch", fail_third)
    with pytest.raises(TrackingUnavailable):
        own.ship(LATE)
    with monkeypatch.context() as patch:
        (tmp_path / "mlflow.db").write_text(NOT_A_DATABASE)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
        with pytest.raises(TrackingUnavailable):
            own.ship(LATE)
    assert own.ship(LATE) == 3
    assert ranges("Outage") == ["1-1", "2-2", "3-3", "4-4", "5-5"]
    assert {run.info.status for run in runs("Outage")} == {"FINISHED"}


@pytest.mark.parametrize("moment", ["before", "half-way", "after"])
def test_kill_9_loses_nothing_and_counts_nothing_twice(tmp_path: Path, moment: str) -> None:
    """Killed before, while or after MLflow takes a run, and before the cursor has moved.

    More requests come in meanwhile, so that windows are cut differently the second time.
    """
    name = f"Killed {moment}"
    with opened(tmp_path) as ledger:
        submit(ledger, [1, 2, 3, 1, 2])
        process = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path), name, moment],
            env={**os.environ, "CREDITRISK_LEDGER_KEY": KEY},
            capture_output=True,
            check=False,
        )
        assert process.returncode == -signal.SIGKILL, process.stderr
        assert Cursor.read(tmp_path / "cursor.json").sequence == 3
        submit(ledger, [1] * 80, "later")
        own = shipper(ledger, name, tmp_path / "cursor.json")
        own.ship(0, everything=True)
    assert total(name, "entities") == 9 + 80
    assert total(name, "requests") == 5 + 80
    assert {run.info.status for run in runs(name)} == {"FINISHED"}


def test_one_ships_at_a_time(tmp_path: Path) -> None:
    """A second one on this machine is refused, until the first has ended."""
    with alone(tmp_path / "cursor.json"):
        second = alone(tmp_path / "cursor.json")
        with pytest.raises(AnotherShipper, match="another process"), second:
            pass
    with alone(tmp_path / "cursor.json"):
        pass


def test_an_unreadable_cursor_is_a_refusal(tmp_path: Path) -> None:
    """Guessing where it stood could deliver twice."""
    (tmp_path / "cursor.json").write_text("{")
    with pytest.raises(CreditRiskError, match="is not a valid Cursor"):
        shipper(busy(seconds=1, a_second=1), "Unreadable", tmp_path / "cursor.json").ship(LATE)
