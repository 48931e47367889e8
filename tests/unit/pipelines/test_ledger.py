from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest
import typer

from creditrisk.ledger import DecisionLedger, Ledger, NewDecision, retention
from creditrisk.ledger.errors import MissingLedger, MissingRetentionPolicy
from creditrisk.pipelines import ledger as command


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a ledger of two promotions and a scoring batch."""
    monkeypatch.chdir(tmp_path)
    for name in ("LEDGER_URL", "LEDGER_KEY", "LEDGER_ANCHOR", "ENVIRONMENT"):
        monkeypatch.delenv(f"CREDITRISK_{name}", raising=False)
    with Ledger.open() as ledger:
        ledger.append("promotion", {"version": "1", "approved_by": "Ada Löwe"})
        ledger.append_many("scoring", [{"pd": 0.1}, {"pd": 0.2}])
        ledger.append("promotion", {"version": "2"})
    return tmp_path


class Tomorrow(datetime):
    """A clock that is two days ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """The time in two days."""
        return super().now(tz) + timedelta(days=2)


def record_decisions() -> None:
    """Record two decisions beside the promotions."""
    with DecisionLedger.open() as ledger:
        ledger.append(
            [NewDecision("decision", f"decision-{number}", "r", b'{"pd":0.1}') for number in (1, 2)]
        )


def tamper(statement: str) -> None:
    """Change the database past its triggers."""
    with closing(sqlite3.connect("ledger/ledger.db")) as connection:
        connection.execute("drop trigger ledger_entries_refuses_update")
        connection.execute("drop trigger ledger_entries_refuses_delete")
        connection.execute(statement)
        connection.commit()


def test_verify_says_how_much_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Entries, head, kind of key and verdict are printed."""
    command.main("verify")
    shown = capsys.readouterr().out
    assert "Entries  4\n" in shown
    assert "Head     4 " in shown
    assert "DEMONSTRATION KEY" in shown
    assert shown.endswith("Verdict  whole\n\nDecisions\nnone recorded\n")


def test_verify_names_a_secret_key(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A ledger that a secret signed says so."""
    monkeypatch.setenv("CREDITRISK_LEDGER_KEY", "k" * 32)
    anchor, url = tmp_path / "other/anchor.json", f"sqlite:///{tmp_path}/other/ledger.db"
    Ledger.open(url, anchor=anchor).close()
    command.main("verify", url=url, anchor=anchor)
    assert "Key      a secret of the environment" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("update ledger_entries set text = '{}' where sequence = 2", "  entry 2: changed"),
        ("delete from ledger_entries where sequence = 4", "  entry 4: missing"),
    ],
    ids=["changed", "last deleted"],
)
def test_verify_names_each_broken_place_and_fails(
    capsys: pytest.CaptureFixture[str], statement: str, place: str
) -> None:
    """A ledger that is not whole exits 1, after everything was printed."""
    tamper(statement)
    with pytest.raises(typer.Exit) as end:
        command.main("verify")
    assert end.value.exit_code == 1
    shown = capsys.readouterr().out
    assert "Verdict  BROKEN" in shown
    assert place in shown


def test_verify_tells_of_a_killed_append(capsys: pytest.CaptureFixture[str]) -> None:
    """Entries that were recorded but not anchored are no finding, and not hidden."""
    anchor = Path("ledger/anchor.json").read_bytes()
    with Ledger.open() as ledger:
        ledger.append_many("scoring", [{}, {}])
    Path("ledger/anchor.json").write_bytes(anchor)
    command.main("verify")
    assert "Anchor   2 behind" in capsys.readouterr().out


def test_show_prints_entries_of_a_kind(capsys: pytest.CaptureFixture[str]) -> None:
    """Entries come in order, readable, with their fields."""
    command.main("show", kind="promotion")
    shown = capsys.readouterr().out
    assert shown.index("version: '1'") < shown.index("version: '2'")
    assert "approved_by: Ada Löwe" in shown
    assert "pd:" not in shown


def test_show_prints_the_latest(capsys: pytest.CaptureFixture[str]) -> None:
    """A long ledger can be read from its end."""
    command.main("show", last=2)
    shown = capsys.readouterr().out
    assert [line[0] for line in shown.splitlines() if line and line[0] != " "] == ["3", "4"]


@pytest.mark.parametrize("action", ["verify", "show"])
def test_no_ledger_is_no_empty_ledger(tmp_path: Path, action: str) -> None:
    """Where there is none, nothing is whole and nothing is made."""
    place = tmp_path / "nowhere.db"
    with pytest.raises(MissingLedger):
        command.main(action, url=f"sqlite:///{place}")  # type: ignore[arg-type]
    assert not place.exists()


def test_verify_checks_both_ledgers(capsys: pytest.CaptureFixture[str]) -> None:
    """Promotions and decisions have each their verdict."""
    record_decisions()
    command.main("verify")
    promotions, decisions = capsys.readouterr().out.split("\n\n")
    assert promotions.startswith("Promotions\n")
    assert decisions.startswith("Decisions\n")
    assert "Entries  2\n" in decisions
    assert decisions.endswith("Verdict  whole\n")


def test_broken_decisions_fail_whole_promotions(capsys: pytest.CaptureFixture[str]) -> None:
    """One ledger that is not whole is enough to exit 1."""
    record_decisions()
    with closing(sqlite3.connect("ledger/ledger.db")) as connection:
        connection.execute("drop trigger decisions_refuses_update")
        connection.execute("update decisions set request_id = 'x' where sequence = 2")
        connection.commit()
    with pytest.raises(typer.Exit):
        command.main("verify")
    assert "  entry 2: changed since it was recorded" in capsys.readouterr().out


def test_removed_decisions_are_not_called_none() -> None:
    """Where an anchor knows decisions, their absence is an error."""
    record_decisions()
    Path("ledger/ledger.db").unlink()
    Path("ledger/anchor.json").unlink()
    with pytest.raises(MissingLedger):
        command.main("verify")


def test_export_writes_a_line_a_decision(capsys: pytest.CaptureFixture[str]) -> None:
    """Decisions leave as JSON lines."""
    record_decisions()
    command.main("export", out=Path("out/decisions.jsonl"))
    lines = Path("out/decisions.jsonl").read_text().splitlines()
    assert [json.loads(line)["decision_id"] for line in lines] == ["decision-1", "decision-2"]
    assert capsys.readouterr().out == "2 decisions written to out/decisions.jsonl\n"


def test_retain_says_what_was_retired(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Young contents stay; old ones go, and verification counts them."""
    record_decisions()
    command.main("retain", days=1)
    assert capsys.readouterr().out == "Nothing retired: no content is older than 1 days\n"
    monkeypatch.setattr(retention, "datetime", Tomorrow)
    command.main("retain", days=1)
    assert "Contents retired: 2 of entries 1 to 2" in capsys.readouterr().out
    command.main("verify")
    assert "Retired  2 contents, their proofs stand" in capsys.readouterr().out


def test_retain_needs_a_policy() -> None:
    """Nothing is deleted because nobody said anything."""
    record_decisions()
    Path("params.yaml").write_text("serve:\n  retention_days: null\n")
    with pytest.raises(MissingRetentionPolicy, match=r"serve\.retention_days"):
        command.main("retain")


def test_migrate_says_where_the_tables_stand(capsys: pytest.CaptureFixture[str]) -> None:
    """Tables of this version are left as they are."""
    command.main("migrate")
    assert capsys.readouterr().out == "sqlite:///ledger/ledger.db: at revision 0003\n"
