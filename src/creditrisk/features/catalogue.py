"""What each signed-off feature means, read from `catalogue.yaml`.

The contract of the feature table, the data dictionary, the reason texts and the directions that a
model must respect are all derived from here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

import yaml

from creditrisk.contracts.tables import (
    APPLICANT_KEY,
    TARGET,
    Column,
    ColumnType,
    raw_tables,
)
from creditrisk.core.errors import CreditRiskError, Misuse
from creditrisk.core.settings import PolicySettings

Direction = Literal["higher_is_riskier", "lower_is_riskier", "none"]
RawColumn = tuple[str, str]  # table, column

_REQUIRED = frozenset({"name", "definition", "unit", "direction", "label", "reason"})
_OPTIONAL = frozenset(
    {"as_is", "type", "nullable", "minimum", "maximum", "range_of", "inputs", "nulls_of"}
)
_REASONS = "reasons"  # the one top-level section that is no source of features


class InvalidCatalogue(CreditRiskError):
    """An entry of the catalogue lacks a field or has one that means nothing."""

    def __init__(
        self, name: str, problem: str, kind: Literal["feature", "reason"] = "feature"
    ) -> None:
        self.name = name
        super().__init__(f"catalogue.yaml, {kind} {name}: {problem}.")


class UnknownPolicyColumns(Misuse):
    """The policy names columns that no table has; ignored, they would protect nobody."""

    def __init__(self, setting: str, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(
            f"policy.{setting} names {', '.join(names)}, which no raw table and no feature has."
        )


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the feature table: what it means, which values it takes, what it is made of.

    `source` names the SQL file that computes it. `inputs` are the raw columns whose values it
    reads beside the keys; `null_inputs` those of which it reads only whether they are empty.
    `label` names the value before an applicant, `reason` is the code of the idea behind it.
    """

    name: str
    source: str
    definition: str
    unit: str
    type: ColumnType
    nullable: bool
    minimum: float | None
    maximum: float | None
    categories: tuple[str, ...]
    direction: Direction
    label: str
    reason: str
    inputs: tuple[RawColumn, ...]
    null_inputs: tuple[RawColumn, ...]

    @property
    def column(self) -> Column:
        """The column that a contract checks."""
        return Column(
            name=self.name,
            type=self.type,
            nullable=self.nullable,
            minimum=self.minimum,
            maximum=self.maximum,
            categories=self.categories,
        )


@dataclass(frozen=True)
class Catalogue:
    """The signed-off features in the order of the feature table, and the words of reason codes."""

    features: tuple[Feature, ...]
    reasons: Mapping[str, str]

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.features)

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, name: str) -> Feature:
        return self._by_name[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The feature names in order."""
        return tuple(feature.name for feature in self.features)

    def columns(self) -> tuple[Column, ...]:
        """The feature columns that the contract of the feature table checks, key and target apart."""
        return tuple(feature.column for feature in self.features)

    def inputs(self) -> frozenset[RawColumn]:
        """Every raw (table, column) whose values some feature reads, keys apart."""
        return frozenset(raw for feature in self.features for raw in feature.inputs)

    def descriptions(self) -> dict[str, str]:
        """What columns mean, by `table.column`: each feature, and each raw column that is one."""
        described: dict[str, str] = {}
        for feature in self.features:
            words = f"{feature.label}: {feature.definition} ({feature.unit})"
            described[f"features.{feature.name}"] = words
            if feature.inputs == ((feature.source, feature.name),):
                described[f"{feature.source}.{feature.name}"] = words
        return described

    def features_reading(self, columns: Collection[str]) -> dict[str, str]:
        """The features that read one of these raw columns, or only whether it is empty.

        Returns:
            The first such column by feature, in the order of the feature table. A column counts in
            whichever raw table it stands.
        """
        read = {
            feature.name: [
                name for _, name in (*feature.inputs, *feature.null_inputs) if name in columns
            ]
            for feature in self.features
        }
        return {feature: names[0] for feature, names in read.items() if names}

    @cached_property
    def _by_name(self) -> Mapping[str, Feature]:
        return {feature.name: feature for feature in self.features}


@cache
def load_catalogue() -> Catalogue:
    """The catalogue that comes with this version of the platform.

    Raises:
        InvalidCatalogue: an entry lacks a field, has an unknown one, or stands there twice; a
            reason's code is unknown or unused.
    """
    return parse_catalogue(catalogue_text())


def catalogue_text() -> str:
    """`catalogue.yaml` as it stands."""
    return files("creditrisk.features").joinpath("catalogue.yaml").read_text(encoding="utf-8")


def parse_catalogue(text: str) -> Catalogue:
    """The catalogue that a YAML text of the form of `catalogue.yaml` describes."""
    # The C loader takes 40 ms, the Python one half a second.
    sources: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    reasons: dict[str, str] = sources.pop(_REASONS, {})
    features = tuple(
        _feature(source, entry) for source, entries in sources.items() for entry in entries
    )
    seen: set[str] = set()
    for feature in features:
        if feature.name in seen:
            raise InvalidCatalogue(feature.name, "it stands there twice")
        seen.add(feature.name)
    _check_reasons(features, reasons)
    return Catalogue(features, MappingProxyType(reasons))


def prohibited_features(catalogue: Catalogue, policy: PolicySettings) -> dict[str, str]:
    """The features that no model may read, each with the prohibited column that it reads.

    Raises:
        UnknownPolicyColumns: a prohibited column does not exist.
    """
    known = {column for table in raw_tables().values() for column in table.column_names}
    if unknown := sorted(set(policy.prohibited_inputs) - known):
        raise UnknownPolicyColumns("prohibited_inputs", unknown)
    return catalogue.features_reading(policy.prohibited_columns)


def protected_features(catalogue: Catalogue, policy: PolicySettings) -> dict[str, str]:
    """The features that tell something of a protected attribute, with the raw column that does.

    A protected attribute is a column of the feature table; every feature that reads a raw column
    of it counts: age is protected, so is the share of a life spent in the current job.

    Raises:
        UnknownPolicyColumns: an attribute's column does not exist.
    """
    columns = {attribute.column for attribute in policy.protected_attributes.values()}
    if unknown := sorted(columns - set(catalogue.names)):
        raise UnknownPolicyColumns("protected_attributes", unknown)
    raw = {name for column in columns for _, name in catalogue[column].inputs}
    return catalogue.features_reading(raw)


def _check_reasons(features: Sequence[Feature], reasons: Mapping[str, str]) -> None:
    for feature in features:
        if feature.reason not in reasons:
            raise InvalidCatalogue(feature.name, f"there is no reason {feature.reason}")
    for code in reasons:
        if code not in {feature.reason for feature in features}:
            raise InvalidCatalogue(code, "no feature has it", "reason")


def _feature(source: str, entry: dict[str, Any]) -> Feature:
    _check_fields(entry)
    column = _as_is(source, entry) if entry.get("as_is") else _computed(entry)
    return Feature(
        name=column.name,
        source=source,
        definition=entry["definition"],
        unit=entry["unit"],
        type=column.type,
        nullable=column.nullable,
        minimum=column.minimum,
        maximum=column.maximum,
        categories=column.categories,
        direction=cast("Direction", entry["direction"]),
        label=entry["label"],
        reason=entry["reason"],
        inputs=_inputs(source, entry),
        null_inputs=_null_inputs(entry.get("nulls_of")),
    )


def _check_fields(entry: dict[str, Any]) -> None:
    name = str(entry.get("name", "without name"))
    needed = _REQUIRED if entry.get("as_is") else _REQUIRED | {"type", "nullable"}
    if missing := sorted(needed - entry.keys()):
        raise InvalidCatalogue(name, f"{', '.join(missing)} missing")
    if unknown := sorted(entry.keys() - _REQUIRED - _OPTIONAL):
        raise InvalidCatalogue(name, f"unknown field {', '.join(unknown)}")
    for field, words in (("direction", get_args(Direction)), ("type", get_args(ColumnType))):
        if entry.get(field, words[0]) not in words:
            raise InvalidCatalogue(name, f"{field} {entry[field]} is none of {', '.join(words)}")


def _as_is(source: str, entry: dict[str, Any]) -> Column:
    return _raw_column(entry["name"], source, entry["name"])


def _computed(entry: dict[str, Any]) -> Column:
    minimum, maximum = entry.get("minimum"), entry.get("maximum")
    if "range_of" in entry:
        raw = _raw_column(entry["name"], *entry["range_of"].split("."))
        minimum, maximum = raw.minimum, raw.maximum
    return Column(
        name=entry["name"],
        type=entry["type"],
        nullable=entry["nullable"],
        minimum=minimum,
        maximum=maximum,
    )


def _inputs(source: str, entry: dict[str, Any]) -> tuple[RawColumn, ...]:
    if entry.get("as_is"):
        return ((source, entry["name"]),)
    pairs = (text.split(".") for text in entry.get("inputs", ()))
    return tuple((table, _raw_column(entry["name"], table, column).name) for table, column in pairs)


def _null_inputs(table: str | None) -> tuple[RawColumn, ...]:
    if table is None:
        return ()
    names = raw_tables()[table].column_names
    return tuple((table, name) for name in names if name not in {APPLICANT_KEY, TARGET})


def _raw_column(feature: str, table: str, column: str) -> Column:
    try:
        return raw_tables()[table].column(column)
    except (KeyError, StopIteration):
        raise InvalidCatalogue(feature, f"there is no raw column {table}.{column}") from None
