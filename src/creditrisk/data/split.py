"""Which side of the split an applicant stands on, and the four files that hold the sides.

The rule is fixed here and depends on no library's version. With `unit` the applicant's id (or the
group's value where a group column is set) written as text:

    position = first 8 bytes of SHA-256("SEED:UNIT"), big-endian, divided by 2^64

The sides take [0, 1) in the order test, calibration, validation, train, each as wide as its share.
Test comes first, so that changing the other shares never moves an applicant into or out of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING

from creditrisk.contracts.sql import INTEGER_TYPES
from creditrisk.contracts.tables import APPLICANT_KEY, TARGET
from creditrisk.core.errors import CreditRiskError, MissingFile, Misuse
from creditrisk.core.files import atomic_folder
from creditrisk.core.settings import ResourceSettings, SplitSettings, SplitShares
from creditrisk.data.engine import stage_connection
from creditrisk.data.leakage import refuse_giveaways

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

SIDES = ("train", "validation", "calibration", "test")

# Given a connection and the relation of each side, raises where the sides must not be kept.
SideCheck = Callable[["DuckDBPyConnection", Mapping[str, str]], None]

_GROUP_TYPES = INTEGER_TYPES | {"VARCHAR"}
_SMALLEST_PROBABILITY = 1e-300


class UnexpectedColumns(CreditRiskError):
    """The feature table is not the one that its metadata describes."""

    def __init__(self, features: Path, seen: Sequence[str], required: Sequence[str]) -> None:
        missing = [name for name in required if name not in seen]
        foreign = [name for name in seen if name not in required]
        problem = "; ".join(
            f"{kind} {', '.join(names)}"
            for kind, names in (("lacks", missing), ("has unknown", foreign))
            if names
        )
        super().__init__(
            f"{features} not split: its columns are not those of its metadata "
            f"({problem or 'another order'}). Run build_feature_store again."
        )


class UnusableTarget(CreditRiskError):
    """TARGET cannot serve as the outcome."""

    def __init__(self, features: Path, seen: str) -> None:
        super().__init__(f"{features} not split: {TARGET} must be 0 or 1 in every row, {seen}.")


class RepeatedApplicants(CreditRiskError):
    """An applicant has more than one row, or a row has no applicant."""

    def __init__(self, features: Path, repeated: int, examples: Sequence[int | None]) -> None:
        super().__init__(
            f"{features} not split: {repeated} values of {APPLICANT_KEY} are null or stand in more "
            f"than one row (for instance {', '.join(map(str, examples))}); one row an applicant is "
            "required."
        )


class UnusableGroup(Misuse):
    """The column named by `split.group_column` cannot keep applicants together."""

    def __init__(self, features: Path, column: str, reason: str) -> None:
        super().__init__(
            f"{features} not split by {column} (params.yaml, split.group_column): {reason}."
        )


class OverlappingSides(CreditRiskError):
    """One applicant or one group stands on two sides."""

    def __init__(self, column: str, values: Sequence[object]) -> None:
        super().__init__(
            f"Split refused: {column} {', '.join(map(str, values))} would stand on more than one "
            "side; each must stand on exactly one."
        )


class EmptySide(CreditRiskError):
    """A side would hold no applicant."""

    def __init__(self, side: str, share: float, rows: int) -> None:
        super().__init__(
            f"Split refused: {side} would be empty (params.yaml, split.shares.{side} is {share:g} "
            f"of {rows} applicants); every side needs at least one."
        )


class UnbalancedSides(CreditRiskError):
    """Default rates differ between sides by more than chance explains."""

    def __init__(self, summary: SplitSummary, bar: float) -> None:
        sides = ", ".join(
            f"{side.name} {side.default_rate:.4f} (z {side.z:+.2f}, {side.rows} rows)"
            for side in summary.sides
            if abs(side.z) > bar
        )
        super().__init__(
            f"Split refused: default rate of {sides} against {summary.default_rate:.4f} overall; "
            f"|z| may reach {bar:g} (params.yaml, split.max_default_rate_z)."
        )


@dataclass(frozen=True, slots=True)
class SideSummary:
    """What one side holds; `z` is the normal deviate of its default rate against the whole's."""

    name: str
    rows: int
    defaults: int
    z: float

    @property
    def default_rate(self) -> float:
        """Defaults a row."""
        return self.defaults / self.rows


@dataclass(frozen=True, slots=True)
class SplitSummary:
    """What all sides hold, in the order of `SIDES`."""

    sides: tuple[SideSummary, ...]

    @property
    def rows(self) -> int:
        """Applicants on all sides."""
        return sum(side.rows for side in self.sides)

    @property
    def default_rate(self) -> float:
        """Defaults an applicant, on all sides together."""
        return sum(side.defaults for side in self.sides) / self.rows


def split_files(folder: Path) -> dict[str, Path]:
    """The file of each side."""
    return {side: folder / f"{side}.parquet" for side in SIDES}


def split_features(
    features: Path,
    out: Path,
    settings: SplitSettings,
    resources: ResourceSettings,
    *,
    columns: Sequence[str],
    check: SideCheck,
) -> SplitSummary:
    """Write the feature table's rows, unchanged and in key order, to one file a side in `out`.

    Same table and settings, same bytes, at any number of threads. When the split is refused, by
    `check` too, the folder stays as it was.

    Args:
        features: the feature table.
        out: the folder, which is replaced as a whole.
        settings: seed, shares, group column and bars.
        resources: what DuckDB may use.
        columns: the names that the table must have, in order.
        check: raises where the sides must not be kept.

    Raises:
        MissingFile, UnexpectedColumns, UnusableTarget, RepeatedApplicants, UnusableGroup,
        GiveawayColumn, OverlappingSides, EmptySide, UnbalancedSides, and what `stage_connection` says.
    """
    if not features.exists():
        raise MissingFile(features, "split_data", "Run build_feature_store first.")
    with stage_connection(resources, out) as connection:
        table = connection.read_parquet(str(features))
        types = {name: str(kind) for name, kind in zip(table.columns, table.types, strict=True)}
        _refuse_unexpected_columns(features, table.columns, columns)
        _refuse_unusable_columns(features, types, settings.group_column)
        table.create_view("feature_table")
        _applicants(table, settings.group_column).create_view("applicants")
        _refuse_unusable_rows(connection, features, settings.group_column)
        _assign(connection, settings)
        summary = summarise_sides(connection, settings)
        refuse_giveaways(connection, features, settings)
        with atomic_folder(out) as folder:
            for side, path in split_files(folder).items():
                _write_side(connection, side, path)
                connection.read_parquet(str(path)).create_view(side)
            check(connection, {side: side for side in SIDES})
    return summary


def _refuse_unexpected_columns(
    features: Path, seen: Sequence[str], required: Sequence[str]
) -> None:
    if list(seen) != list(required):
        raise UnexpectedColumns(features, seen, required)


def _refuse_unusable_columns(features: Path, types: dict[str, str], group: str | None) -> None:
    if TARGET not in types:
        raise UnusableTarget(features, "there is no such column")
    if types[TARGET] not in INTEGER_TYPES:
        raise UnusableTarget(features, f"the column is of type {types[TARGET].lower()}")
    if group is None:
        return
    if group not in types:
        raise UnusableGroup(features, group, "the feature table has no such column")
    if types[group] not in _GROUP_TYPES:
        reason = f"it is of type {types[group].lower()}, integers or text are required"
        raise UnusableGroup(features, group, reason)


def _applicants(table: DuckDBPyRelation, group: str | None) -> DuckDBPyRelation:
    """Each row's applicant, outcome, and the unit that decides its side."""
    from duckdb import ColumnExpression

    return table.select(
        ColumnExpression(APPLICANT_KEY).alias("applicant"),
        ColumnExpression(TARGET).alias("defaulted"),
        ColumnExpression(group or APPLICANT_KEY).alias("unit"),
    )


def _refuse_unusable_rows(
    connection: DuckDBPyConnection, features: Path, group: str | None
) -> None:
    rows, nulls, others, outcomes, unitless = connection.execute(
        """
        select
            count(*),
            count(*) filter (where defaulted is null),
            count(*) filter (where defaulted not in (0, 1)),
            count(distinct defaulted),
            count(*) filter (where unit is null),
        from applicants
        """
    ).fetchall()[0]
    if not rows:
        raise UnusableTarget(features, "there is no row")
    if nulls or others:
        raise UnusableTarget(features, f"{nulls} rows are null and {others} hold another value")
    if outcomes == 1:
        raise UnusableTarget(features, f"and both must occur, all {rows} rows hold the same")
    if group and unitless:
        raise UnusableGroup(features, group, f"it is null in {unitless} rows")
    _refuse_repeated_applicants(connection, features)


def _refuse_repeated_applicants(connection: DuckDBPyConnection, features: Path) -> None:
    repeated = connection.execute(
        """
        select applicant from applicants
        group by applicant having count(*) > 1 or applicant is null
        order by applicant
        """
    ).fetchall()
    if repeated:
        raise RepeatedApplicants(features, len(repeated), [row[0] for row in repeated[:5]])


def _assign(connection: DuckDBPyConnection, settings: SplitSettings) -> None:
    """Create the table `assignment`: applicant, outcome, unit, position, side."""
    connection.execute(
        """
        create table assignment as
        with positions as (
            select
                *,
                ('0x' || sha256($seed || ':' || unit::varchar)[:16])::ubigint as position
            from applicants
        )
        select
            *,
            case
                when position < $test then 'test'
                when position < $calibration then 'calibration'
                when position < $validation then 'validation'
                else 'train'
            end as side
        from positions
        """,
        {"seed": str(settings.seed), **_upper_bounds(settings.shares)},
    )


def _upper_bounds(shares: SplitShares) -> dict[str, int]:
    """Where each side but the last ends, as a 64-bit number."""
    bounds = {
        "test": shares.test,
        "calibration": shares.test + shares.calibration,
        "validation": shares.test + shares.calibration + shares.validation,
    }
    return {side: int(bound * 2**64) for side, bound in bounds.items()}


def summarise_sides(connection: DuckDBPyConnection, settings: SplitSettings) -> SplitSummary:
    """Count the sides of the table `assignment`, and refuse what no split may be.

    Raises:
        OverlappingSides, EmptySide, UnbalancedSides.
    """
    _refuse_overlaps(connection, settings.group_column)
    counts = {
        side: (rows, defaults)
        for side, rows, defaults in connection.execute(
            "select side, count(*), sum(defaulted)::bigint from assignment group by side"
        ).fetchall()
    }
    rows = sum(count for count, _ in counts.values())
    for side, share in settings.shares.model_dump().items():
        if side not in counts:
            raise EmptySide(side, share, rows)
    summary = _summary(counts, _design_effect(connection))
    if max(abs(side.z) for side in summary.sides) > settings.max_default_rate_z:
        raise UnbalancedSides(summary, settings.max_default_rate_z)
    return summary


def _refuse_overlaps(connection: DuckDBPyConnection, group: str | None) -> None:
    by_column = {
        APPLICANT_KEY: "select applicant as shared, side from assignment",
        group or APPLICANT_KEY: "select unit as shared, side from assignment",
    }
    for column, query in by_column.items():
        shared = (
            connection.sql(query)
            .aggregate("shared, count(distinct side) as sides")
            .filter("sides > 1")
            .order("shared")
            .limit(5)
            .fetchall()
        )
        if shared:
            raise OverlappingSides(column, [value for value, _ in shared])


def _summary(counts: dict[str, tuple[int, int]], design_effect: float) -> SplitSummary:
    rows = sum(count for count, _ in counts.values())
    defaults = sum(count for _, count in counts.values())
    return SplitSummary(
        tuple(
            SideSummary(
                name=side,
                rows=counts[side][0],
                defaults=counts[side][1],
                z=balance_deviate(rows, defaults, *counts[side]) / math.sqrt(design_effect),
            )
            for side in SIDES
        )
    )


def _design_effect(connection: DuckDBPyConnection) -> float:
    """How much more a side's default rate varies because units, not applicants, are drawn.

    The ratio of the summed squared residuals of units to those of applicants; 1 without groups.
    Source: Kish, Survey Sampling (1965), ch. 5.
    """
    effect: float = connection.execute(
        """
        with overall as (select avg(defaulted) as rate from assignment),
        units as (
            select sum(defaulted) - count(*) * (select rate from overall) as residual
            from assignment group by unit
        )
        select
            sum(residual * residual)
            / (select count(*) * any_value(rate) * (1 - any_value(rate)) from assignment, overall)
        from units
        """
    ).fetchall()[0][0]
    return max(effect, 1.0)


def balance_deviate(rows: int, defaults: int, side_rows: int, side_defaults: int) -> float:
    """The z statistic of one side's default rate against the whole's, exact for few rows too.

    A side is a draw without replacement, so its defaults are hypergeometric. The deviate is the
    normal one with the same tail probability; for many rows it is
    (p_side - p) / sqrt(p (1 - p) (1 / n_side - 1 / n)), for few it does not take chance for bias.
    """
    upper = _upper_tail(rows, defaults, side_rows, side_defaults)
    lower = _upper_tail(rows, rows - defaults, side_rows, side_rows - side_defaults)
    deviate = -NormalDist().inv_cdf(max(min(upper, lower, 0.5), _SMALLEST_PROBABILITY))
    return deviate if upper < lower else -deviate


def _upper_tail(rows: int, marked: int, drawn: int, seen: int) -> float:
    """P(X >= seen) of `marked` among `drawn` of `rows`, by the ratio of neighbouring terms."""
    import numpy as np

    def log_choose(n: int, k: int) -> float:
        return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

    first = log_choose(marked, seen) + log_choose(rows - marked, drawn - seen)
    k = np.arange(seen, min(marked, drawn), dtype=np.float64)
    ratios = (marked - k) * (drawn - k) / ((k + 1) * (rows - marked - drawn + k + 1))
    logs = first - log_choose(rows, drawn) + np.concatenate(([0.0], np.cumsum(np.log(ratios))))
    return min(float(np.exp(logs).sum()), 1.0)


def _write_side(connection: DuckDBPyConnection, side: str, path: Path) -> None:
    """Write one side, in row groups small enough that several threads have work."""
    connection.execute(
        """
        copy (
            select feature_table.*
            from feature_table
            inner join assignment on feature_table.SK_ID_CURR = assignment.applicant
            where assignment.side = $side
            order by feature_table.SK_ID_CURR
        )
        to $path (format parquet, compression zstd, row_group_size 40960)
        """,
        {"side": side, "path": str(path)},
    )
