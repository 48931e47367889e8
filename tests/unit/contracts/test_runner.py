"""How the runner turns counts into verdicts: levels, bounds, relaxed rules, samples, structure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import duckdb
import pytest

from creditrisk.contracts.errors import UnknownRule
from creditrisk.contracts.runner import ValidationRunner
from creditrisk.contracts.tables import Column, RawTable, raw_tables
from creditrisk.contracts.verdicts import TableVerdict
from creditrisk.core.settings import ContractSettings

if TYPE_CHECKING:
    import pyarrow as pa

    from creditrisk.contracts.verdicts import RuleOutcome

BALANCE = raw_tables()["bureau_balance"]
FEATURES = (Column("SCORE", "real", nullable=False, minimum=0, maximum=1),)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def runner(
    relaxed: Mapping[str, str] | None = None,
    reads: Sequence[tuple[str, str]] = (("bureau_balance", "STATUS"),),
) -> ValidationRunner:
    settings = ContractSettings(relaxed_rules=dict(relaxed or {}))
    return ValidationRunner(settings, features=FEATURES, feature_inputs=reads)


def balances(connection: duckdb.DuckDBPyConnection, *rows: tuple[Any, ...]) -> None:
    connection.execute(
        "create table balances (SK_ID_BUREAU bigint, MONTHS_BALANCE bigint, STATUS varchar)"
    )
    connection.executemany("insert into balances values (?, ?, ?)", rows)


def checked(
    connection: duckdb.DuckDBPyConnection, by: ValidationRunner, **options: Any
) -> TableVerdict:
    return by.check_raw(connection, BALANCE, "balances", **options)


def finding(verdict: TableVerdict, rule: str) -> RuleOutcome:
    return next(outcome for outcome in verdict.findings if outcome.rule == rule)


def test_an_unknown_category_is_refused_where_a_feature_reads_it(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """The same row fails in a column that features read, and warns in one that none reads."""
    balances(connection, (1, 0, "Z"))
    rule = "bureau_balance.STATUS.categories"
    assert finding(checked(connection, runner()), rule).status == "failed"
    assert finding(checked(connection, runner(reads=())), rule).status == "warned"
    assert checked(connection, runner(reads=())).status == "warned"


def test_every_broken_rule_is_reported_at_once(connection: duckdb.DuckDBPyConnection) -> None:
    """One row that breaks three rules gives three findings."""
    balances(connection, (None, 1, "Z"))
    parents = {"bureau": "balances"}
    broken = {outcome.rule for outcome in checked(connection, runner(), parents=parents).findings}
    assert broken >= {
        "bureau_balance.SK_ID_BUREAU.not_null",
        "bureau_balance.MONTHS_BALANCE.range",
        "bureau_balance.STATUS.categories",
    }


def test_a_sample_shows_key_and_offence(connection: duckdb.DuckDBPyConnection) -> None:
    """At most five rows are shown, those with the lowest keys, the same in every run."""
    balances(connection, (7, 0, "C"), *((7, -month, "Z") for month in range(1, 8)))
    outcome = finding(checked(connection, runner()), "bureau_balance.STATUS.categories")
    assert outcome.violations == 7
    assert len(outcome.samples) == 5
    assert outcome.samples[0] == {"SK_ID_BUREAU": 7, "MONTHS_BALANCE": -7, "STATUS": "Z"}


@pytest.mark.parametrize(("orphans", "status"), [(20, "passed"), (21, "warned")])
def test_a_share_within_its_bound_is_kept(
    connection: duckdb.DuckDBPyConnection, orphans: int, status: str
) -> None:
    """Orphans are tolerated up to the bound, 20 %: counted either way, shown beyond it."""
    balances(connection, *((number, 0, "C") for number in range(1, 101)))
    connection.execute("create table credits as select SK_ID_BUREAU from balances")
    connection.execute("delete from credits where SK_ID_BUREAU <= ?", [orphans])
    verdict = checked(connection, runner(), parents={"bureau": "credits"})
    outcome = finding(verdict, "bureau_balance.known_bureau")
    assert (outcome.violations, outcome.rows, outcome.bound) == (orphans, 100, 0.2)
    assert outcome.status == verdict.status == status
    assert len(outcome.samples) == (0 if status == "passed" else 5)


def test_orphans_without_their_parents_table_are_not_measured(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """A rule that could not be looked at is never reported as kept."""
    balances(connection, (1, 0, "C"))
    verdict = checked(connection, runner())
    assert finding(verdict, "bureau_balance.known_bureau").status == "not_measured"
    assert "bureau_balance.known_bureau" not in verdict.kept_rules


def test_a_relaxed_rule_is_recorded_with_its_reason(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """A relaxed rule no longer refuses, and the finding says why."""
    balances(connection, (1, 0, "Z"))
    relaxed = {"bureau_balance.STATUS.categories": "bureau added a status, see ticket 12"}
    verdict = checked(connection, runner(relaxed))
    outcome = finding(verdict, "bureau_balance.STATUS.categories")
    assert (outcome.status, outcome.level) == ("relaxed", "error")
    assert outcome.relaxed_because == "bureau added a status, see ticket 12"
    assert verdict.status == "warned"


def test_relaxing_a_rule_that_does_not_exist_is_refused() -> None:
    """A typing error in a relaxed rule's name does not silently relax nothing."""
    with pytest.raises(UnknownRule, match=r"did you mean bureau_balance\.STATUS\.categories"):
        runner({"bureau_balance.STATUS.category": "why not"})


@pytest.mark.parametrize(
    "rule", ["features.SCORE.range", "splits.whole_groups", "application.columns"]
)
def test_every_kind_of_rule_can_be_relaxed(rule: str) -> None:
    """Rules of columns, of splits and of structure have names too."""
    assert runner({rule: "because"}).relaxed_rules == {rule: "because"}


def test_a_missing_or_mistyped_column_is_a_finding(connection: duckdb.DuckDBPyConnection) -> None:
    """A wrong structure is refused, and the rules of the remaining columns are still checked."""
    connection.execute(
        "create table balances as select 1::bigint as SK_ID_BUREAU, 1.5 as MONTHS_BALANCE"
    )
    verdict = checked(connection, runner(), parents={"bureau": "balances"})
    outcome = finding(verdict, "bureau_balance.columns")
    assert outcome.status == verdict.status == "failed"
    assert [sample["column"] for sample in outcome.samples] == ["MONTHS_BALANCE", "STATUS"]
    assert "bureau_balance.SK_ID_BUREAU.not_null" in verdict.kept_rules
    assert "bureau_balance.unique_months" not in verdict.kept_rules


def test_a_feature_table_has_no_other_columns(connection: duckdb.DuckDBPyConnection) -> None:
    """A column that nobody signed off is refused in the feature table."""
    connection.execute(
        "create table f as select 1 as SK_ID_CURR, 0.5 as SCORE, 0 as TARGET, 1 as X"
    )
    connection.execute("alter table f alter SCORE type double")
    verdict = runner().check_features(connection, "f")
    assert [o.samples for o in verdict.findings] == [
        ({"column": "X", "problem": "not in the contract"},)
    ]


def test_features_without_outcome_and_with_a_group(connection: duckdb.DuckDBPyConnection) -> None:
    """Applicants to be scored have no outcome; a group column may stand beside the features."""
    connection.execute(
        "create table f as select 1 as SK_ID_CURR, 0.5::double as SCORE, 'p1' as PERSON"
    )
    verdict = runner().check_features(connection, "f", labelled=False, group_column="PERSON")
    assert verdict.status == "passed"


def side(
    connection: duckdb.DuckDBPyConnection, name: str, *rows: tuple[int, int, str | None]
) -> None:
    connection.execute(
        f"create table {name} (SK_ID_CURR bigint, SCORE double default 0.5, TARGET bigint, "
        "PERSON varchar)"
    )
    connection.executemany(
        f"insert into {name} (SK_ID_CURR, TARGET, PERSON) values (?, ?, ?)",  # noqa: S608 (ours)
        rows,
    )


def split_findings(connection: duckdb.DuckDBPyConnection) -> set[str]:
    sides = {"train": "train", "test": "test"}
    verdicts = runner().check_splits(connection, sides, group_column="PERSON")
    assert [verdict.table for verdict in verdicts] == ["splits.rows", "splits.sides"]
    return {outcome.rule for verdict in verdicts for outcome in verdict.findings}


def test_a_clean_split_passes(connection: duckdb.DuckDBPyConnection) -> None:
    """Disjoint sides with whole groups and both outcomes are accepted."""
    side(connection, "train", (1, 0, "a"), (2, 1, "a"))
    side(connection, "test", (3, 0, "b"), (4, 1, "c"))
    assert split_findings(connection) == set()


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ([(1, 0, "b"), (4, 1, "c")], "splits.disjoint_sides"),
        ([(3, 0, "a"), (4, 1, "c")], "splits.whole_groups"),
        ([(3, 0, "b"), (4, 0, "c")], "splits.both_outcomes"),
        ([(3, 0, "b"), (4, 1, "c"), (5, 2, "d")], "features.TARGET.range"),
    ],
)
def test_a_leaking_split_is_refused(
    connection: duckdb.DuckDBPyConnection, rows: list[tuple[int, int, str]], rule: str
) -> None:
    """An applicant or a group on two sides, a side without defaulters, an unknown outcome."""
    side(connection, "train", (1, 0, "a"), (2, 1, "a"))
    side(connection, "test", *rows)
    assert rule in split_findings(connection)


def test_a_group_column_may_hold_integers(connection: duckdb.DuckDBPyConnection) -> None:
    """Groups told apart by integers, beyond a double's exactness too, are checked like texts."""
    side(connection, "train", (1, 0, "1"), (2, 1, str(2**64 - 1)))
    side(connection, "test", (3, 0, "3"), (4, 1, "4"))
    for name in ("train", "test"):
        connection.execute(f"alter table {name} alter PERSON type ubigint")
    assert split_findings(connection) == set()
    connection.execute("update test set PERSON = 1")
    assert split_findings(connection) == {"splits.whole_groups"}


def test_a_group_column_of_another_type_is_refused(connection: duckdb.DuckDBPyConnection) -> None:
    """Numbers with fractions tell no groups apart."""
    side(connection, "train", (1, 0, "1"), (2, 1, "2"))
    side(connection, "test", (3, 0, "3"), (4, 1, "4"))
    for name in ("train", "test"):
        connection.execute(f"alter table {name} alter PERSON type double")
    assert {"features.columns", "splits.columns"} <= split_findings(connection)


def test_a_check_that_breaks_off_leaves_no_table(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the sides are gathered in is gone after an error, so that the next check can run."""
    side(connection, "train", (1, 0, "a"), (2, 1, "a"))
    side(connection, "test", (3, 0, "b"), (4, 1, "c"))
    with monkeypatch.context() as patch:
        patch.setattr(TableVerdict, "of", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            split_findings(connection)
    assert split_findings(connection) == set()


def test_not_a_number_breaks_every_range(connection: duckdb.DuckDBPyConnection) -> None:
    """NaN and infinities are no feature values, whatever the bounds."""
    connection.execute(
        "create table f as select unnest([1, 2, 3]) as SK_ID_CURR, 0 as TARGET, "
        "unnest(['nan', 'inf', '-inf']::double[]) as SCORE"
    )
    unbounded = (Column("SCORE", "real", nullable=True),)
    runner = ValidationRunner(ContractSettings(), features=unbounded)
    verdict = runner.check_features(connection, "f")
    assert finding(verdict, "features.SCORE.range").violations == 3


def test_a_table_for_scoring_needs_no_outcome(connection: duckdb.DuckDBPyConnection) -> None:
    """The contract of a table without some column leaves out the rules of that column."""
    table = RawTable("bureau_balance", ("SK_ID_BUREAU",), BALANCE.columns[:2])
    connection.execute("create table b as select 1 as SK_ID_BUREAU, 0 as MONTHS_BALANCE")
    verdict = runner().check_raw(connection, table, "b", parents={"bureau": "b"})
    assert verdict.status == "passed"


def extremes(months: Sequence[int], statuses: Sequence[str | None]) -> pa.Table:
    """Rows that bound the columns of BALANCE, whatever stands in the table itself."""
    import pyarrow as pa

    ids = pa.array([1] * len(months), pa.int64())
    return pa.table({"SK_ID_BUREAU": ids, "MONTHS_BALANCE": months, "STATUS": statuses})


def test_what_extremes_keep_is_not_looked_for(connection: duckdb.DuckDBPyConnection) -> None:
    """A column within its range by its extremes is taken to be; another is counted row by row."""
    balances(connection, (1, 1, "Z"), (2, 2, "Y"))
    trusted = checked(connection, runner(), extremes=extremes([-5, 0], ["C", "X"]))
    assert "bureau_balance.STATUS.categories" in trusted.kept_rules
    seen = checked(connection, runner(), extremes=extremes([-5, 2], ["C", "Z"]))
    assert finding(seen, "bureau_balance.STATUS.categories").violations == 2
    assert finding(seen, "bureau_balance.MONTHS_BALANCE.range").violations == 2
