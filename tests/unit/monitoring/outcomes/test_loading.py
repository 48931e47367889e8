"""Outcomes are joined to decisions once, wholly, and what does not fit is refused by reason."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from decided_applicants import MATURE, DecidedPlace, decision_id
from pyarrow import parquet

from creditrisk.core.errors import MissingFile
from creditrisk.core.settings import Settings
from creditrisk.ledger import NewDecision, retention
from creditrisk.ledger.errors import DamagedDecision
from creditrisk.ledger.outcomes import OutcomesChanged
from creditrisk.monitoring.outcomes.errors import (
    FutureDay,
    MissingOutcomeColumns,
    NoOutcomes,
    UnreadableOutcomes,
)
from creditrisk.monitoring.outcomes.integrity import loads_of, sound_outcomes
from creditrisk.monitoring.outcomes.loading import OutcomeLoad

BATCH = "batch-of-2025"


def outcomes(numbers: range, label: int = 0) -> list[tuple[str, int, str]]:
    """Rows of a file: the same matured outcome for these applicants."""
    return [(decision_id(number), label, MATURE) for number in numbers]


def test_matured_outcomes_stand_beside_what_was_answered(decided: DecidedPlace) -> None:
    """An outcome keeps PD, decision, grade, model and time of its decision."""
    load = decided.load_rows((decision_id(3), 1, MATURE), (decision_id(4), 0, MATURE))
    assert (load.rows, load.loaded, load.defaults, load.known, load.refused) == (2, 2, 1, 0, {})
    assert decided.stored() == {decision_id(3): 1, decision_id(4): 0}
    row = decided.in_ledger(lambda ledger: next(ledger.outcomes().rows()))
    assert row.sequence == 3
    assert row[3:] == (1, MATURE, "2025-01-15T10:00:00+00:00", "b" * 64, 0.05, "approve", "C")
    assert not decided.refused.exists()


def test_rows_that_do_not_fit_are_refused_by_reason(decided: DecidedPlace) -> None:
    """Each refused row stands in the side file with its reason; the others are loaded."""
    decided.load_rows((decision_id(9), 1, MATURE))
    load = decided.load_rows(
        (decision_id(1), 0, MATURE),
        (decision_id(2), 2, MATURE),
        (decision_id(3), 0, "soon"),
        ("", 0, MATURE),
        (decision_id(4), 0, MATURE),
        (decision_id(4), 0, MATURE),
        (decision_id(77), 0, MATURE),
        (decision_id(9), 0, MATURE),
        (decision_id(5), 0, "2026-01-14"),
        (decision_id(6), 0, "2026-03-02"),
        (decision_id(10), 1, "2026-01-15"),
    )
    assert decided.stored() == {decision_id(1): 0, decision_id(9): 1, decision_id(10): 1}
    assert load.refused == {
        "invalid": 3,
        "duplicate": 2,
        "unknown": 1,
        "conflicting": 1,
        "immature": 2,
    }
    assert decided.refusals() == [
        ("2", "invalid"),
        ("3", "invalid"),
        ("4", "invalid"),
        ("5", "duplicate"),
        ("6", "duplicate"),
        ("7", "unknown"),
        ("8", "conflicting"),
        ("9", "immature"),
        ("10", "immature"),
    ]


def test_loading_again_adds_nothing(decided: DecidedPlace) -> None:
    """The same labels are counted as known, whatever else the file brings."""
    decided.load_rows(*outcomes(range(1, 4)))
    load = decided.load_rows(*outcomes(range(2, 6)))
    assert (load.loaded, load.known, load.refused) == (2, 2, {})
    assert len(decided.stored()) == 5


def test_every_load_is_an_entry_of_the_signed_ledger(decided: DecidedPlace) -> None:
    """Who, when, which file and what came of it stand in the chain, also where nothing was new."""
    file = decided.file(*outcomes(range(1, 3)))
    first, second = decided.load(file), decided.load(file)
    with decided.open() as ledger:
        assert loads_of(ledger) == [first, second]
        assert [entry.kind for entry in ledger.after(10)] == ["outcomes", "outcomes"]
        assert ledger.verify().is_whole
    assert first.file_sha256 == second.file_sha256
    assert (first.loaded_by, second.loaded, second.known) == ("a test", 0, 2)


def test_an_applicant_with_one_decision_can_be_named(decided: DecidedPlace) -> None:
    """SK_ID_CURR stands for the decision where there is exactly one, else it is refused."""
    decided.decide([11], sk_id_curr=2)
    rows = [(1, 1, MATURE), (2, 0, MATURE), (99, 0, MATURE)]
    load = decided.load(decided.file(*rows, columns=("sk_id_curr", "target", "OBSERVATION_DATE")))
    assert decided.stored() == {decision_id(1): 1}
    assert load.refused == {"unknown": 1, "ambiguous": 1}


def test_a_decision_on_somebody_else_is_refused(decided: DecidedPlace) -> None:
    """Where a file names decision and applicant, both must agree."""
    columns = ("decision_id", "SK_ID_CURR", "TARGET", "maturity_date")
    rows = [(decision_id(1), 1, 0, MATURE), (decision_id(2), 1, 0, MATURE)]
    load = decided.load(decided.file(*rows, columns=columns))
    assert (load.loaded, load.refused) == (1, {"other applicant": 1})


def test_rows_of_a_batch_are_joined(place: DecidedPlace) -> None:
    """An id of a scored row resolves by the batch's output; a rejected row is unknown."""
    place.batch(BATCH, [(1, 101, 0.03), (3, 103, 0.07)])
    load = place.load_rows(
        (f"{BATCH}-1", 0, MATURE),
        (f"{BATCH}-2", 0, MATURE),
        (f"{BATCH}-3", 1, MATURE),
        (f"{BATCH}-11", 0, MATURE),
        (BATCH, 0, MATURE),
    )
    assert place.stored() == {f"{BATCH}-1": 0, f"{BATCH}-3": 1}
    assert load.refused == {"unknown": 3}
    rows = place.in_ledger(lambda ledger: list(ledger.outcomes().rows()))
    assert [(row.probability, row.decided_at) for row in rows] == [
        (0.03, "2025-01-15T10:05:00+00:00"),
        (0.07, "2025-01-15T10:05:00+00:00"),
    ]


def test_an_applicant_of_a_batch_can_be_named(place: DecidedPlace) -> None:
    """An applicant is looked for in batches too; one that was also decided alone is ambiguous."""
    place.decide([101])
    place.batch(BATCH, [(1, 101, 0.03), (2, 102, 0.07)])
    columns = ("SK_ID_CURR", "TARGET", "maturity_date")
    load = place.load(place.file((101, 0, MATURE), (102, 1, MATURE), columns=columns))
    assert place.stored() == {f"{BATCH}-2": 1}
    assert load.refused == {"ambiguous": 1}


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_text("other")])
def test_a_batch_without_its_output_is_unavailable(sqlite_place: DecidedPlace, change: Any) -> None:
    """Answers that are gone or changed are not guessed; the row can be loaded later."""
    output = sqlite_place.batch(BATCH, [(1, 101, 0.03)])
    before = output.read_bytes()
    change(output)
    assert sqlite_place.load_rows((f"{BATCH}-1", 0, MATURE)).refused == {"unavailable": 1}
    output.write_bytes(before)
    assert sqlite_place.load_rows((f"{BATCH}-1", 0, MATURE)).loaded == 1


def test_a_retired_decision_is_unavailable(sqlite_place: DecidedPlace) -> None:
    """Where the ledger no longer keeps the answer, the outcome says nothing about a PD."""
    sqlite_place.decide([1])
    with sqlite_place.open() as ledger:
        tomorrow = datetime.now(UTC) + timedelta(days=2)
        retention.retain(ledger._database, ledger._chain, 1, tomorrow)
    assert sqlite_place.load_rows((decision_id(1), 0, MATURE)).refused == {"unavailable": 1}


def test_a_refusal_is_no_decision(sqlite_place: DecidedPlace) -> None:
    """Only decisions have outcomes: neither refusals nor shadows do."""
    with sqlite_place.open() as ledger:
        for kind in ("refusal", "shadow"):
            ledger.append([NewDecision(kind, f"a-{kind}-of-2025", "", b'{"kind":"any"}')])
    rows = [(f"a-{kind}-of-2025", 0, MATURE) for kind in ("refusal", "shadow")]
    assert sqlite_place.load_rows(*rows).refused == {"unknown": 2}


def test_parquet_says_the_same_as_csv(sqlite_place: DecidedPlace) -> None:
    """Typed columns are read as their text would be."""
    sqlite_place.decide([1, 2])
    path = sqlite_place.folder / "outcomes.parquet"
    table = pa.table(
        {
            "decision_id": [decision_id(1), decision_id(2)],
            "TARGET": pa.array([1.0, None]),
            "maturity_date": pa.array([date(2026, 2, 1)] * 2),
        }
    )
    parquet.write_table(table, path)
    load = sqlite_place.load(path)
    assert (load.loaded, load.defaults, load.refused) == (1, 1, {"invalid": 1})


@pytest.mark.parametrize(
    ("name", "text", "error", "message"),
    [
        ("a.csv", "decision_id,TARGET\na,1\n", MissingOutcomeColumns, "maturity_date or"),
        ("a.csv", "id,TARGET,maturity_date\n", MissingOutcomeColumns, "decision_id or SK_ID_CURR"),
        ("a.csv", "decision_id,TARGET,maturity_date\n", NoOutcomes, "no outcome"),
        ("a.csv", "decision_id,TARGET,maturity_date\na,1\n", UnreadableOutcomes, "a.csv"),
        ("a.parquet", "no parquet", UnreadableOutcomes, "a.parquet"),
        ("a.txt", "decision_id", UnreadableOutcomes, "must end in"),
    ],
)
def test_a_file_that_is_none_is_refused(
    sqlite_place: DecidedPlace, name: str, text: str, error: type[Exception], message: str
) -> None:
    """What is no table of outcomes is refused as a whole, and nothing is recorded."""
    sqlite_place.decide([1])
    path = sqlite_place.folder / name
    path.write_text(text)
    with pytest.raises(error, match=message):
        sqlite_place.load(path)
    assert sqlite_place.in_ledger(loads_of) == []


def test_a_missing_file_is_told(sqlite_place: DecidedPlace) -> None:
    """A mistyped name is refused."""
    sqlite_place.decide([1])
    with pytest.raises(MissingFile):
        sqlite_place.load(sqlite_place.folder / "none.csv")


def test_the_future_is_not_known(sqlite_place: DecidedPlace) -> None:
    """A load as of tomorrow is misuse."""
    sqlite_place.decide([1])
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    with pytest.raises(FutureDay):
        sqlite_place.load_rows((decision_id(1), 0, MATURE), as_of=tomorrow)


def test_the_window_is_the_lender_s(sqlite_place: DecidedPlace) -> None:
    """A shorter window lets an outcome count earlier, to the day."""
    sqlite_place.decide([1, 2])
    settings = Settings.model_validate({"monitoring": {"outcomes": {"window_days": 30}}})
    load = sqlite_place.load_rows(
        (decision_id(1), 0, "2025-02-14"), (decision_id(2), 0, "2025-02-13"), settings=settings
    )
    assert (load.loaded, load.refused) == (1, {"immature": 1})


def test_a_damaged_decision_is_not_labelled(sqlite_place: DecidedPlace) -> None:
    """A decision that is not what was recorded stops the load."""
    sqlite_place.decide([1])
    sqlite_place.tamper("update decision_contents set data = (select x'7b7d'), encoding = 'plain'")
    with pytest.raises(DamagedDecision):
        sqlite_place.load_rows((decision_id(1), 0, MATURE))


@pytest.mark.parametrize(
    "change",
    [
        "update outcomes set target = 1 - target where decision_id = 'decision-000002'",
        "delete from outcomes where decision_id = 'decision-000002'",
        "update outcomes set probability = 0.5 where decision_id = 'decision-000002'",
        """
        insert into outcomes
        select 'decision-000003', load_id, 3, 1, matured_on, decided_at, bundle_sha256,
            probability, decision, grade
        from outcomes where decision_id = 'decision-000002'
        """,
        "update outcomes set load_id = 'nobody' where decision_id = 'decision-000002'",
        "delete from outcome_loads",
        "update outcome_loads set content = replace(content, 'a test', 'nobody')",
    ],
)
def test_changed_outcomes_are_found(decided: DecidedPlace, change: str) -> None:
    """The tables refuse changes; who gets past that is found by the signed hash of the rows."""
    decided.load_rows(*outcomes(range(1, 3)))
    with decided.open() as ledger:
        assert len([*sound_outcomes(ledger)]) == 2
    if "insert" not in change:
        with pytest.raises(Exception, match="append-only"):
            decided.change(change)
    decided.tamper(change)
    with decided.open() as ledger, pytest.raises(OutcomesChanged):
        list(sound_outcomes(ledger))


def test_two_loads_at_once_are_right(decided: DecidedPlace) -> None:
    """Of overlapping files each outcome is loaded by one and known to the other, whoever is first."""
    overlapping = [range(1, 8), range(4, 11), range(1, 11)]
    processes = []
    for number, numbers in enumerate(overlapping):
        path = decided.file(*outcomes(numbers)).rename(decided.folder / f"{number}.csv")
        processes.append(decided.loader(path))
    said = loaded_at_once(processes)
    assert sum(load.loaded for load in said) == 10
    assert sum(load.known for load in said) == 7 + 7 + 10 - 10
    assert len(decided.stored()) == 10
    with decided.open() as ledger:
        assert len([*sound_outcomes(ledger)]) == 10
        assert ledger.verify().is_whole


def test_conflicting_loads_at_once_let_one_win(decided: DecidedPlace) -> None:
    """Two files that say the opposite: one label stands, the other file is refused."""
    processes = []
    for label in (0, 1):
        rows = outcomes(range(1, 11), label)
        processes.append(
            decided.loader(decided.file(*rows).rename(decided.folder / f"{label}.csv"))
        )
    said = loaded_at_once(processes)
    assert sorted(load.loaded for load in said) == [0, 10]
    assert [load.refused for load in said if not load.loaded] == [{"conflicting": 10}]
    assert len({*decided.stored().values()}) == 1


def loaded_at_once(processes: Sequence[subprocess.Popen[str]]) -> list[OutcomeLoad]:
    """Let waiting loaders go together; what each says."""
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return [OutcomeLoad.model_validate_json(text) for text in said]


@pytest.mark.parametrize(
    ("step", "stands"), [("stage", 0), ("insert", 0), ("insert_load", 0), ("follow", 10)]
)
def test_a_kill_leaves_all_of_a_load_or_nothing(
    decided: DecidedPlace, step: str, stands: int
) -> None:
    """Killed after any step, a load stands whole or not at all; loading again completes it."""
    path = decided.file(*outcomes(range(1, 11)))
    process = decided.loader(path, step)
    process.communicate("go\n")
    assert process.returncode == -signal.SIGKILL
    with decided.open() as ledger:
        assert len([*sound_outcomes(ledger)]) == stands
        assert ledger.verify().is_whole
    load = decided.load(path)
    assert (load.loaded, load.known) == (10 - stands, stands)
    assert len(decided.stored()) == 10
