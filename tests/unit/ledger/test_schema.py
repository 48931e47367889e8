"""The ledgers' tables: made by migrations, adopted where they are older, refused where unknown."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy
from decision_place import DecisionPlace, decision
from ledger_place import KEY

from creditrisk.ledger import Ledger, database, decision_store, outcome_store, schema
from creditrisk.ledger.errors import LedgerUnavailable, NewerSchema, OlderSchema

LATEST = schema.REVISIONS[-1]
OUTCOME_TABLES = ("outcomes", "outcome_loads")
DECISION_TABLES = ("decisions", "decision_contents", "decision_retentions", "decision_identity")


def promotions(place: DecisionPlace) -> Ledger:
    """The ledger of promotions in the same database."""
    return Ledger.open(place.url, place.key, place.anchor.with_name("anchor.json"))


def made_before_migrations(place: DecisionPlace) -> None:
    """Leave what a database held before there were migrations: promotions alone."""
    with promotions(place) as ledger:
        ledger.append("promotion", {"version": "1"})
    tables = (*DECISION_TABLES, *OUTCOME_TABLES, schema.VERSION_TABLE)
    drops = [f"drop table {table}" for table in tables]
    if not place.is_sqlite:
        drops.append("drop function ledger_keeps_content")
    for drop in drops:
        place.change(drop)


def migrated(place: DecisionPlace) -> tuple[str | None, str]:
    """The revisions before and after a migration."""
    opened = database.LedgerDatabase(place.url)
    try:
        return schema.migrate(opened)
    finally:
        opened.close()


def test_migrations_make_the_tables_that_are_read(vacant: DecisionPlace) -> None:
    """What the migrations made differs in nothing from what the code expects."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    vacant.open().close()
    expected = sqlalchemy.MetaData()
    for metadata in (database._METADATA, decision_store._METADATA, outcome_store._METADATA):
        for table in metadata.sorted_tables:
            table.to_metadata(expected)
    engine = sqlalchemy.create_engine(vacant.url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        options = {"compare_type": True, "version_table": schema.VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, expected) == []


def test_the_code_knows_the_latest_revision() -> None:
    """The revisions named in the code are those of the migrations, in their order."""
    from alembic.script import ScriptDirectory

    folder = Path(schema.__file__).with_name("migrations")
    revisions = [script.revision for script in ScriptDirectory(str(folder)).walk_revisions()]
    assert tuple(reversed(revisions)) == schema.REVISIONS


def test_an_older_database_is_adopted_without_loss(vacant: DecisionPlace) -> None:
    """Promotions recorded before there were migrations stand, and decisions can join them."""
    made_before_migrations(vacant)
    assert migrated(vacant) == ("0001", LATEST)
    assert migrated(vacant) == (LATEST, LATEST)
    with promotions(vacant) as ledger:
        assert [entry.content for entry in ledger.entries()] == [{"version": "1"}]
        ledger.append("promotion", {"version": "2"})
        assert ledger.verify().is_whole
    with vacant.open() as ledger_of_decisions:
        ledger_of_decisions.append([decision(1)])
    assert vacant.verify().is_whole


def test_an_older_database_refuses_decisions_with_the_remedy(vacant: DecisionPlace) -> None:
    """Decisions need tables that it lacks; nothing is changed by opening."""
    made_before_migrations(vacant)
    for create in (True, False):
        with pytest.raises(OlderSchema, match=r"at revision 0001, 0002.*creditrisk ledger migrate"):
            vacant.open(create=create)
    assert not vacant.anchor.exists()


def made_before_outcomes(place: DecisionPlace) -> None:
    """Leave what a database held before there were outcomes: promotions and decisions."""
    with place.open() as ledger:
        ledger.append([decision(1)])
    for table in OUTCOME_TABLES:
        place.change(f"drop table {table}")
    place.change(f"update {schema.VERSION_TABLE} set version_num = '0002'")  # noqa: S608


def test_a_database_without_outcomes_still_takes_decisions(vacant: DecisionPlace) -> None:
    """Decisions go on; outcomes refuse with the remedy, and the remedy works."""
    made_before_outcomes(vacant)
    with vacant.open() as ledger:
        ledger.append([decision(2)])
        with pytest.raises(OlderSchema, match=r"at revision 0002, 0003.*creditrisk ledger migrate"):
            ledger.outcomes()
        assert migrated(vacant) == ("0002", LATEST)
        assert ledger.outcomes().last_load() == 0
    assert vacant.verify().rows == 2


def test_an_older_database_still_takes_promotions(vacant: DecisionPlace) -> None:
    """Their tables have not changed since."""
    made_before_migrations(vacant)
    with promotions(vacant) as ledger:
        ledger.append("promotion", {"version": "2"})
        assert ledger.verify().rows == 2


@pytest.mark.parametrize("opened", [promotions, DecisionPlace.open, migrated])
def test_a_newer_database_is_refused(
    vacant: DecisionPlace, opened: Callable[[DecisionPlace], object]
) -> None:
    """What a later version made is neither read nor changed."""
    vacant.open().close()
    vacant.change(f"update {schema.VERSION_TABLE} set version_num = '9999'")  # noqa: S608
    with pytest.raises(NewerSchema, match="at revision 9999"):
        opened(vacant)


def test_migrating_nothing_makes_nothing(sqlite_place: DecisionPlace) -> None:
    """A mistyped path is not made into a database."""
    with pytest.raises(LedgerUnavailable, match="no such file"):
        migrated(sqlite_place)
    assert not [*sqlite_place.anchor.parent.glob("*.db")]


AT_ONCE = """
import sys
from pathlib import Path
from creditrisk.ledger import DecisionLedger, Ledger, schema
from creditrisk.ledger.database import LedgerDatabase
action, url, anchor = sys.argv[1], sys.argv[2], Path(sys.argv[3])
sys.stdin.readline()
if action == "migrate":
    schema.migrate(LedgerDatabase(url))
elif action == "promotions":
    Ledger.open(url, anchor=anchor.with_name("anchor.json")).close()
else:
    DecisionLedger.open(url, anchor=anchor).close()
"""


def at_once(place: DecisionPlace, *actions: str) -> None:
    """Run actions in processes that start together."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", AT_ONCE, action, place.url, str(place.anchor)],
            env={**os.environ, "CREDITRISK_LEDGER_KEY": KEY},
            stdin=subprocess.PIPE,
            text=True,
        )
        for action in actions
    ]
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0] * len(actions)


def test_two_processes_migrate_at_once(vacant: DecisionPlace) -> None:
    """One works, the other finds it done."""
    made_before_migrations(vacant)
    at_once(vacant, "migrate", "migrate")
    assert migrated(vacant) == (LATEST, LATEST)
    with promotions(vacant) as ledger:
        assert ledger.verify().rows == 1


def test_processes_make_ledgers_at_once(vacant: DecisionPlace) -> None:
    """Both ledgers of a fresh database are made once, whoever comes first."""
    at_once(vacant, "decisions", "promotions", "decisions", "promotions")
    assert vacant.verify().is_whole
    with promotions(vacant) as ledger:
        assert ledger.verify().is_whole


LIGHT = """
import sys, time
from pathlib import Path
from creditrisk.ledger import DecisionLedger
start = time.process_time()
with DecisionLedger.open(sys.argv[1], anchor=Path(sys.argv[2])) as ledger:
    seconds = time.process_time() - start
heavy = {"alembic", "mlflow", "pandas", "numpy", "pyarrow", "duckdb", "fastapi"} & set(sys.modules)
print(sorted(heavy), seconds < 0.3)
"""


def test_opening_is_light(vacant: DecisionPlace) -> None:
    """A server that starts on tables of this version loads no tool for changing them."""
    vacant.open().close()
    said = subprocess.run(
        [sys.executable, "-c", LIGHT, vacant.url, str(vacant.anchor)],
        env={**os.environ, "CREDITRISK_LEDGER_KEY": KEY},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert said == "[] True\n"
