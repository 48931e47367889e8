from __future__ import annotations

import hashlib
import itertools
import resource
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from scipy import stats

from creditrisk.core.errors import MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.core.settings import ResourceSettings, SplitSettings, SplitShares
from creditrisk.data import split
from creditrisk.data.engine import NoSpaceForOutput
from creditrisk.data.leakage import GiveawayColumn

FIRST_ID = 100_001


def portfolio(rows: int = 2_000, seed: int = 1, **columns: Any) -> pa.Table:
    """A feature table of that many applicants, a twelfth in default, with two honest features."""
    generator = np.random.default_rng(seed)
    defaulted = generator.random(rows) < 1 / 12
    table = {
        "SK_ID_CURR": np.arange(FIRST_ID, FIRST_ID + rows),
        "EXT_SOURCE_2": generator.random(rows) - 0.1 * defaulted,
        "CODE_GENDER": generator.choice(["F", "M"], rows),
        "TARGET": defaulted.astype(np.int32),
    }
    return pa.table({**table, **columns})


class Refusal(Exception):
    """What a check raises."""


def accept(connection: Any, sides: Mapping[str, str]) -> None:
    """Accept any sides."""
    del connection, sides


def run(
    table: pa.Table,
    folder: Path,
    threads: int | None = None,
    check: split.SideCheck = accept,
    **settings: Any,
) -> split.SplitSummary:
    """Split the table in that folder."""
    pq.write_table(table, folder / "feature_store.parquet")
    return split_again(folder, table.column_names, threads, check, **settings)


def split_again(
    folder: Path,
    columns: Sequence[str] = ("SK_ID_CURR", "EXT_SOURCE_2", "CODE_GENDER", "TARGET"),
    threads: int | None = None,
    check: split.SideCheck = accept,
    **settings: Any,
) -> split.SplitSummary:
    """Split the table that lies in that folder."""
    return split.split_features(
        folder / "feature_store.parquet",
        folder / "splits",
        SplitSettings.model_validate(settings),
        ResourceSettings(threads=threads),
        columns=columns,
        check=check,
    )


def sides(folder: Path) -> dict[str, pa.Table]:
    """The rows of every side, as written."""
    return {
        name: pq.read_table(path) for name, path in split.split_files(folder / "splits").items()
    }


def side_by_unit(folder: Path, column: str = "SK_ID_CURR") -> dict[Any, str]:
    """Which side every applicant, or every group, stands on."""
    return {
        unit: name for name, table in sides(folder).items() for unit in table[column].to_pylist()
    }


def expected_side(unit: object, seed: int, shares: SplitShares) -> str:
    """The rule of the module's docstring, written again row by row."""
    digest = hashlib.sha256(f"{seed}:{unit}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    upper = 0.0
    for side in ("test", "calibration", "validation", "train"):
        upper += getattr(shares, side)
        if position < upper:
            return side
    return "train"


def test_every_applicant_stands_where_the_written_rule_says(tmp_path: Path) -> None:
    """The rule is the documented one: eight bytes of SHA-256 of seed and id, test side first."""
    run(portfolio(), tmp_path, seed=3)
    expected = {unit: expected_side(unit, 3, SplitShares()) for unit in range(FIRST_ID, 102_001)}
    assert side_by_unit(tmp_path) == expected


def test_the_rule_never_changes() -> None:
    """A known applicant keeps its side in every version: one position is pinned."""
    digest = hashlib.sha256(b"7:100001").hexdigest()
    assert digest[:16] == "0ea47d063803d4a1"
    assert expected_side(FIRST_ID, 7, SplitShares()) == "test"


def test_a_full_disk_leaves_the_last_split(tmp_path: Path) -> None:
    """Sides that do not fit are refused by name, and the folder stays as it was."""
    run(portfolio(), tmp_path)
    before = {path: sha256_of(path) for path in (tmp_path / "splits").iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    pq.write_table(portfolio(20_000), tmp_path / "feature_store.parquet")
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, limits[1]))
    try:
        with pytest.raises(NoSpaceForOutput, match="splits not written: File too large"):
            split_again(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert before == {path: sha256_of(path) for path in (tmp_path / "splits").iterdir()}


def test_rows_and_columns_are_unchanged(tmp_path: Path) -> None:
    """The sides together are the feature table: no row, column, type or null is lost."""
    table = portfolio(EXT_SOURCE_3=pa.array([None, 0.5] * 1_000))
    run(table, tmp_path)
    together = pa.concat_tables(sides(tmp_path).values()).sort_by("SK_ID_CURR")
    assert dict(zip(together.column_names, together.schema.types, strict=True)) == dict(
        zip(table.column_names, table.schema.types, strict=True)
    )
    assert together.to_pydict() == table.to_pydict()


def test_rows_are_in_key_order_whatever_the_input_order(tmp_path: Path) -> None:
    """A shuffled feature table gives the same bytes as a sorted one."""
    table = portfolio()
    order = np.random.default_rng(0).permutation(table.num_rows)
    run(table, tmp_path)
    sorted_bytes = [sha256_of(path) for path in split.split_files(tmp_path / "splits").values()]
    run(table.take(order), tmp_path)
    shuffled = [sha256_of(path) for path in split.split_files(tmp_path / "splits").values()]
    assert shuffled == sorted_bytes


def test_the_same_bytes_at_any_thread_count(tmp_path: Path) -> None:
    """Threads never change a byte, over several row groups too."""
    table = portfolio(120_000)
    seen = set()
    for threads in (1, 2, 4):
        run(table, tmp_path, threads=threads)
        seen.add(tuple(sha256_of(p) for p in split.split_files(tmp_path / "splits").values()))
    assert len(seen) == 1


def test_an_applicant_keeps_its_side_when_others_come_or_go(tmp_path: Path) -> None:
    """The side depends on the applicant and the seed alone."""
    table = portfolio(3_000)
    run(table, tmp_path)
    before = side_by_unit(tmp_path)
    run(table.take(np.arange(0, 3_000, 2)), tmp_path)
    after = side_by_unit(tmp_path)
    assert after == {unit: before[unit] for unit in after}


def test_another_seed_gives_another_split(tmp_path: Path) -> None:
    """The seed moves applicants."""
    run(portfolio(), tmp_path, seed=1)
    first = side_by_unit(tmp_path)
    run(portfolio(), tmp_path, seed=2)
    assert side_by_unit(tmp_path) != first


def test_other_shares_leave_the_test_side_alone(tmp_path: Path) -> None:
    """Taking more for calibration never moves an applicant into or out of the test side."""
    run(portfolio(), tmp_path)
    before = set(sides(tmp_path)["test"]["SK_ID_CURR"].to_pylist())
    shares = {"train": 0.5, "validation": 0.1, "calibration": 0.2, "test": 0.2}
    run(portfolio(), tmp_path, shares=shares)
    assert set(sides(tmp_path)["test"]["SK_ID_CURR"].to_pylist()) == before


def test_the_shares_are_met(tmp_path: Path) -> None:
    """Each side's share of the applicants is the one asked for, within five deviations."""
    summary = run(portfolio(20_000), tmp_path)
    for side, share in SplitShares().model_dump().items():
        found = next(s.rows for s in summary.sides if s.name == side)
        assert abs(found - 20_000 * share) < 5 * np.sqrt(20_000 * share * (1 - share))


@pytest.mark.parametrize("as_text", [False, True], ids=["numbers", "texts"])
def test_a_group_stands_together(tmp_path: Path, *, as_text: bool) -> None:
    """All applications of one person are on the side that the person's value says."""
    people = [index // 3 for index in range(3_000)]
    values = [f"person {p}" for p in people] if as_text else people
    run(portfolio(3_000, PERSON=pa.array(values)), tmp_path, group_column="PERSON")
    expected = {value: expected_side(value, 7, SplitShares()) for value in values}
    assert side_by_unit(tmp_path, "PERSON") == expected


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("PERSON", None, "no such column"),
        ("PERSON", pa.array([0.5] * 2_000), "of type double"),
        ("PERSON", pa.array([None, *range(1_999)]), "null in 1 rows"),
    ],
    ids=["absent", "real", "null"],
)
def test_an_unusable_group_is_misuse(
    tmp_path: Path, column: str, values: pa.Array | None, message: str
) -> None:
    """A group column that is absent, real or null is refused with exit code 2."""
    columns = {} if values is None else {column: values}
    with pytest.raises(split.UnusableGroup, match=message) as refusal:
        run(portfolio(**columns), tmp_path, group_column=column)
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (pa.array([0, 1] * 999 + [None, 1]), "1 rows are null"),
        (pa.array([0, 1] * 999 + [2, 1]), "1 hold another value"),
        (pa.array([0] * 2_000), "all 2000 rows hold the same"),
        (pa.array(["0", "1"] * 1_000), "of type varchar"),
        (pa.array([0.0, 1.0] * 1_000), "of type double"),
    ],
    ids=["null", "two", "one outcome", "text", "real"],
)
def test_an_unusable_target_is_refused(tmp_path: Path, target: pa.Array, message: str) -> None:
    """TARGET is 0 or 1 in every row, and both occur."""
    with pytest.raises(split.UnusableTarget, match=message):
        run(portfolio(TARGET=target), tmp_path)


def test_a_missing_target_is_refused(tmp_path: Path) -> None:
    """Applicants without outcomes cannot be split for training."""
    with pytest.raises(split.UnusableTarget, match="no such column"):
        run(portfolio().drop_columns(["TARGET"]), tmp_path)


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    """No applicant, no split."""
    with pytest.raises(split.UnusableTarget, match="no row"):
        run(portfolio().slice(0, 0), tmp_path)


def test_a_missing_feature_table_is_refused(tmp_path: Path) -> None:
    """The refusal names the stage that writes the table."""
    with pytest.raises(MissingFile, match="build_feature_store"):
        split.split_features(
            tmp_path / "absent.parquet",
            tmp_path / "splits",
            SplitSettings(),
            ResourceSettings(),
            columns=[],
            check=accept,
        )


@pytest.mark.parametrize(
    "ids",
    [[FIRST_ID, *range(FIRST_ID, FIRST_ID + 1_999)], [None, *range(FIRST_ID, FIRST_ID + 1_999)]],
    ids=["twice", "null"],
)
def test_repeated_or_absent_ids_are_refused(tmp_path: Path, ids: list[int | None]) -> None:
    """One row an applicant, and an applicant in every row."""
    with pytest.raises(split.RepeatedApplicants, match="1 values of SK_ID_CURR"):
        run(portfolio(SK_ID_CURR=pa.array(ids)), tmp_path)


def test_an_empty_side_is_refused(tmp_path: Path) -> None:
    """Five applicants cannot fill every side."""
    with pytest.raises(split.EmptySide, match=r"split\.shares\.\w+ is 0\.\d+ of 5 applicants"):
        run(portfolio(5, TARGET=pa.array([0, 1, 0, 1, 0])), tmp_path)


def test_a_side_may_not_have_the_share_zero() -> None:
    """The settings refuse a side that could only be empty."""
    with pytest.raises(ValidationError, match="validation"):
        SplitSettings.model_validate(
            {"shares": {"train": 0.7, "validation": 0, "calibration": 0.1, "test": 0.2}}
        )


def biased_portfolio() -> pa.Table:
    """Defaulters stand on the test side twice as often as chance would put them."""
    table = portfolio(4_000)
    test = [expected_side(i, 7, SplitShares()) == "test" for i in table["SK_ID_CURR"].to_pylist()]
    generator = np.random.default_rng(5)
    rates = np.where(test, 0.16, 0.08)
    target = pa.array((generator.random(4_000) < rates).astype(np.int32))
    return table.set_column(table.column_names.index("TARGET"), "TARGET", target)


def test_unbalanced_default_rates_are_refused(tmp_path: Path) -> None:
    """Default rates that chance does not explain stop the stage and name the side."""
    with pytest.raises(split.UnbalancedSides, match=r"test 0\.1\d+ \(z \+") as refusal:
        run(biased_portfolio(), tmp_path)
    assert refusal.value.exit_code == 1


def test_the_balance_bar_comes_from_the_settings(tmp_path: Path) -> None:
    """A wider bar lets the same table pass."""
    summary = run(biased_portfolio(), tmp_path, max_default_rate_z=30)
    assert max(abs(side.z) for side in summary.sides) > 4


def test_small_portfolios_pass(tmp_path: Path) -> None:
    """Of 25 portfolios of 150 applicants none is refused by chance."""
    for seed in range(25):
        run(portfolio(150, seed=seed), tmp_path)


def test_groups_that_default_together_are_not_taken_for_bias(tmp_path: Path) -> None:
    """Whole persons are drawn, so a side's rate varies more; the statistic allows for it."""
    people = np.arange(4_000) // 40
    generator = np.random.default_rng(2)
    target = (generator.random(100) < 0.1)[people].astype(np.int32)
    table = portfolio(4_000, PERSON=pa.array(people), TARGET=pa.array(target))
    alone = [split.balance_deviate(4_000, int(target.sum()), s.rows, s.defaults)
             for s in run(table, tmp_path, group_column="PERSON").sides]  # fmt: skip
    grouped = [s.z for s in run(table, tmp_path, group_column="PERSON").sides]
    assert np.abs(grouped).max() < np.abs(alone).max() / 3


@pytest.mark.parametrize("case", [(30, 4, 9, 3), (2_000, 160, 400, 20), (50, 10, 5, 0)])
def test_the_balance_deviate_is_the_exact_hypergeometric_one(
    case: tuple[int, int, int, int],
) -> None:
    """The tail behind the deviate is the one that scipy's hypergeometric law gives."""
    rows, defaults, side_rows, seen = case
    law = stats.hypergeom(rows, defaults, side_rows)
    upper, lower = law.sf(seen - 1), law.cdf(seen)
    expected = -stats.norm.isf(lower) if lower < upper else stats.norm.isf(upper)
    assert split.balance_deviate(*case) == pytest.approx(expected, rel=1e-9)


def test_the_balance_deviate_approaches_the_textbook_statistic() -> None:
    """For many rows it is the two-proportion z with the correction for a finite whole."""
    rows, defaults, side_rows, seen = 300_000, 24_000, 60_000, 5_000
    rate = defaults / rows
    deviation = np.sqrt(rate * (1 - rate) * (1 / side_rows - 1 / rows))
    expected = (seen / side_rows - rate) / deviation
    assert split.balance_deviate(rows, defaults, side_rows, seen) == pytest.approx(
        expected, rel=0.02
    )


def test_a_side_far_beyond_chance_has_a_finite_deviate() -> None:
    """A vanishing tail probability does not end in infinity."""
    assert 30 < split.balance_deviate(300_000, 24_000, 60_000, 24_000) < 40


def giveaways(target: np.ndarray) -> dict[str, pa.Array]:
    """Columns that tell the outcome, one for each way in which they do."""
    generator = np.random.default_rng(9)
    rows = target.size
    return {
        "copy": pa.array(target),
        "mirror": pa.array(1 - target),
        "shifted": pa.array(target * 10.0 + generator.random(rows)),
        "blurred": pa.array(np.where(generator.random(rows) < 0.001, 1 - target, target)),
        "filled after default": pa.array([1.5 if d else None for d in target]),
        "emptied after default": pa.array([None if d else 1.5 for d in target]),
        "as text": pa.array(["paid", "written off"]).take(pa.array(target)),
    }


@pytest.mark.parametrize("name", list(giveaways(np.array([0, 1]))))
def test_a_column_that_tells_the_outcome_is_refused(tmp_path: Path, name: str) -> None:
    """Copies of TARGET and columns filled in after the outcome are leakage."""
    table = portfolio(3_000)
    column = giveaways(table["TARGET"].to_numpy().astype(np.int64))[name]
    with pytest.raises(GiveawayColumn, match=r"LEAK \((1\.0|0\.99)"):
        run(table.append_column("LEAK", column), tmp_path)


def test_a_refused_split_leaves_no_file(tmp_path: Path) -> None:
    """Nothing is written before every check has passed."""
    table = portfolio()
    with pytest.raises(GiveawayColumn):
        run(table.append_column("LEAK", table["TARGET"]), tmp_path)
    assert not (tmp_path / "splits").exists()


def test_the_check_sees_the_written_sides(tmp_path: Path) -> None:
    """The check is given every side, as it was written."""
    seen = {}

    def count(connection: Any, relations: Mapping[str, str]) -> None:
        for side, relation in relations.items():
            seen[side] = connection.table(relation).aggregate("count(*)").fetchall()[0][0]

    summary = run(portfolio(), tmp_path, check=count)
    assert seen == {side.name: side.rows for side in summary.sides}


def test_sides_that_the_check_refuses_are_not_kept(tmp_path: Path) -> None:
    """The files of the last run stay, all of them."""

    def refuse(connection: Any, relations: Mapping[str, str]) -> None:
        del connection, relations
        raise Refusal

    run(portfolio(), tmp_path, seed=1)
    before = side_by_unit(tmp_path)
    with pytest.raises(Refusal):
        run(portfolio(), tmp_path, seed=2, check=refuse)
    assert side_by_unit(tmp_path) == before
    assert [path.name for path in tmp_path.glob(".*")] == []


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            ["SK_ID_CURR", "TARGET", "DAYS_BIRTH"],
            "lacks DAYS_BIRTH; has unknown EXT_SOURCE_2, CODE_",
        ),
        (["EXT_SOURCE_2", "SK_ID_CURR", "CODE_GENDER", "TARGET"], "another order"),
    ],
)
def test_a_table_that_its_metadata_does_not_describe_is_refused(
    tmp_path: Path, columns: list[str], message: str
) -> None:
    """Metadata of another feature table is noticed before anything is read as something else."""
    pq.write_table(portfolio(), tmp_path / "features.parquet")
    with pytest.raises(split.UnexpectedColumns, match=message):
        split.split_features(
            tmp_path / "features.parquet",
            tmp_path / "splits",
            SplitSettings(),
            ResourceSettings(),
            columns=columns,
            check=accept,
        )


def test_a_strong_honest_feature_is_accepted(tmp_path: Path) -> None:
    """A ROC-AUC of 0.9 is strong, not leakage."""
    table = portfolio(6_000)
    target = table["TARGET"].to_numpy()
    strong = target * 1.8 + np.random.default_rng(4).standard_normal(target.size)
    summary = run(table.append_column("STRONG", pa.array(strong)), tmp_path)
    assert summary.rows == 6_000


def test_rare_flags_and_many_levels_in_a_tiny_portfolio_are_accepted(tmp_path: Path) -> None:
    """What chance can do in a hundred rows is not called leakage."""
    for seed in range(8):
        generator = np.random.default_rng(seed)
        flags = {f"FLAG_{i}": pa.array(generator.random(120) < 0.03) for i in range(30)}
        flags = {name: flag.cast(pa.int32()) for name, flag in flags.items()}
        levels = pa.array([f"level {i}" for i in generator.integers(0, 50, 120)])
        run(portfolio(120, seed=seed, **flags, LEVELS=levels), tmp_path)


def assignment(*rows: tuple[int, int, int, str]) -> Any:
    """A connection that holds an assignment of (applicant, defaulted, unit, side)."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(
        "create table assignment (applicant int, defaulted int, unit int, side text)"
    )
    connection.executemany("insert into assignment values (?, ?, ?, ?)", list(rows))
    return connection


@pytest.mark.parametrize(
    ("rows", "column"),
    [
        ([(1, 0, 1, "train"), (1, 0, 2, "test")], "SK_ID_CURR 1"),
        ([(1, 0, 5, "train"), (2, 0, 5, "test")], "PERSON 5"),
    ],
    ids=["applicant", "group"],
)
def test_nobody_stands_on_two_sides(rows: list[tuple[int, int, int, str]], column: str) -> None:
    """An assignment that splits an applicant or a group is refused, however it came about."""
    with (
        assignment(*rows) as connection,
        pytest.raises(split.OverlappingSides, match=column),
    ):
        split.summarise_sides(connection, SplitSettings(group_column="PERSON"))


def test_sides_are_disjoint_and_complete(tmp_path: Path) -> None:
    """Every applicant is on exactly one side."""
    run(portfolio(), tmp_path)
    ids = [set(table["SK_ID_CURR"].to_pylist()) for table in sides(tmp_path).values()]
    assert not any(a & b for a, b in itertools.combinations(ids, 2))
    assert sum(map(len, ids)) == 2_000


def test_the_summary_counts_what_was_written(tmp_path: Path) -> None:
    """Rows and defaults of the summary are those of the files."""
    summary = run(portfolio(), tmp_path)
    written = sides(tmp_path)
    assert [side.name for side in summary.sides] == list(split.SIDES)
    assert [side.rows for side in summary.sides] == [written[s].num_rows for s in split.SIDES]
    assert [side.defaults for side in summary.sides] == [
        pc.sum(written[s]["TARGET"]).as_py() for s in split.SIDES
    ]
