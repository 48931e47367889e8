"""The 47 columns about the building in which the applicant lives."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from creditrisk.data.synthetic.columns import (
    Categories,
    ColumnSet,
    labels_of,
    null_where,
    shares_of,
)
from creditrisk.data.synthetic.people import People
from creditrisk.data.synthetic.randomness import BlockRandom, BoolArray, FloatArray

# Measure: null share, level of the median building, slope on the building's size, own noise, and
# the chance of an exact zero. Values are exp(level + slope * size + noise * n), at most 1.
MEASURES: Mapping[str, tuple[float, float, float, float, float]] = {
    "APARTMENTS": (0.508, -2.43, 0.72, 0.12, 0.002),
    "BASEMENTAREA": (0.585, -2.62, 0.55, 0.45, 0.08),
    "YEARS_BEGINEXPLUATATION": (0.488, -0.018, 0.0005, 0.004, 0.002),
    "YEARS_BUILD": (0.665, -0.28, 0.05, 0.12, 0.001),
    "COMMONAREA": (0.699, -3.75, 0.75, 0.7, 0.08),
    "ELEVATORS": (0.533, -2.6, 0.6, 0.25, 0.58),
    "ENTRANCES": (0.503, -2.0, 0.35, 0.4, 0.003),
    "FLOORSMAX": (0.498, -1.65, 0.42, 0.3, 0.02),
    "FLOORSMIN": (0.678, -1.65, 0.4, 0.45, 0.05),
    "LANDAREA": (0.594, -3.0, 0.5, 0.6, 0.06),
    "LIVINGAPARTMENTS": (0.684, -2.6, 0.72, 0.16, 0.003),
    "LIVINGAREA": (0.502, -2.58, 0.78, 0.14, 0.002),
    "NONLIVINGAPARTMENTS": (0.694, -4.9, 0.5, 1.0, 0.57),
    "NONLIVINGAREA": (0.552, -4.1, 0.7, 1.1, 0.45),
}
# How far the mode and the median of a building's measure lie from its average, in log units.
STATISTICS: Mapping[str, float] = {"AVG": 0.0, "MODE": 0.06, "MEDI": 0.012}
FUND: Mapping[str, float] = {
    "reg oper account": 0.759,
    "reg oper spec account": 0.124,
    "org spec account": 0.058,
    "not specified": 0.059,
}
HOUSE: Mapping[str, float] = {
    "block of flats": 0.982,
    "specific housing": 0.0098,
    "terraced house": 0.0079,
}
WALLS: Mapping[str, float] = {
    "Panel": 0.437,
    "Stone, brick": 0.429,
    "Block": 0.061,
    "Wooden": 0.035,
    "Mixed": 0.0152,
    "Monolithic": 0.0118,
    "Others": 0.0108,
}
TOTAL_AREA_NULL = 0.4827
FUND_NULL, HOUSE_NULL, WALLS_NULL, EMERGENCY_NULL = 0.684, 0.5018, 0.5084, 0.474
EMERGENCY_SHARE = 0.0144
# Nulls go together: what decides is mostly one number a person, and a little a column.
NULL_TOGETHERNESS = 0.94


def draw_dwelling(people: People, random: BlockRandom) -> ColumnSet:
    """The building columns; null together in people whose building is not known."""
    size = len(people)
    building = 0.25 * people.quality + 0.97 * random.normal("building", size)
    secrecy = random.uniform("building unknown", size)
    columns: ColumnSet = {}
    for name, measure in MEASURES.items():
        columns |= _measure(name, measure, building, secrecy, random)
    area = _four_places(np.exp(-2.8 + 0.8 * building + 0.2 * random.normal("total area", size)))
    columns["TOTALAREA_MODE"] = null_where(
        area, _hidden("total area", TOTAL_AREA_NULL, secrecy, random)
    )
    columns["FONDKAPREMONT_MODE"] = _category("fund", FUND, FUND_NULL, secrecy, random)
    columns["HOUSETYPE_MODE"] = _category("house", HOUSE, HOUSE_NULL, secrecy, random)
    columns["WALLSMATERIAL_MODE"] = _category("walls", WALLS, WALLS_NULL, secrecy, random)
    emergency = {"No": 1 - EMERGENCY_SHARE, "Yes": EMERGENCY_SHARE}
    columns["EMERGENCYSTATE_MODE"] = _category(
        "emergency", emergency, EMERGENCY_NULL, secrecy, random
    )
    return columns


def _measure(
    name: str,
    measure: tuple[float, float, float, float, float],
    building: FloatArray,
    secrecy: FloatArray,
    random: BlockRandom,
) -> ColumnSet:
    null_share, level, slope, noise, zero_share = measure
    size = len(building)
    log_value = level + slope * building + noise * random.normal(name, size)
    zero = random.chance(f"{name} zero", zero_share, size)
    hidden = _hidden(name, null_share, secrecy, random)
    columns: ColumnSet = {}
    for statistic, distance in STATISTICS.items():
        moved = log_value + distance * random.normal(f"{name} {statistic}", size)
        value = np.where(zero, 0.0, _four_places(np.exp(moved)))
        columns[f"{name}_{statistic}"] = null_where(value, hidden)
    return columns


def _four_places(values: FloatArray) -> FloatArray:
    rounded: FloatArray = np.rint(np.minimum(values, 1.0) * 10_000) / 10_000
    return rounded


def _hidden(name: str, share: float, secrecy: FloatArray, random: BlockRandom) -> BoolArray:
    own = random.uniform(f"{name} unknown", len(secrecy))
    alone = random.chance(f"{name} unknown alone", 1 - NULL_TOGETHERNESS, len(secrecy))
    return np.where(alone, own, secrecy) < share


def _category(
    name: str, table: Mapping[str, float], share: float, secrecy: FloatArray, random: BlockRandom
) -> Categories:
    drawn = Categories(random.pick(name, shares_of(table), len(secrecy)), labels_of(table))
    return drawn.null_where(_hidden(name, share, secrecy, random))
