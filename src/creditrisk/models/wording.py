"""How a feature's value, and its distance from other applicants', is told to a person."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from creditrisk.contracts.raw_rules import UNEMPLOYED_SENTINEL_DAYS

Value = float | str | None
Direction = Literal["higher", "lower", "same", "different", "missing"]

NOT_GIVEN = "not given"
_FROM_APPLICATION = "days from application"
_BARE = frozenset({"currency", "hour"})
_HUGE = 1e6
_LARGE = 999.5
_SMALL = 1e-4
_PLAIN: Mapping[str, str] = MappingProxyType({"Y": "yes", "N": "no"})
_ONE: Mapping[str, str] = MappingProxyType(
    {"children": "child", "people": "person", "enquiries": "enquiry"}
)


def shown(value: Value, unit: str) -> str:
    """A value with its unit, as a person would write it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NOT_GIVEN
    if isinstance(value, str):
        return _PLAIN.get(value, value)
    if unit == "flag":
        return "yes" if value else "no"
    if unit == _FROM_APPLICATION:
        return _day(value)
    if unit == "share":
        return f"{_plain(100 * value)} %"
    return _number(value, unit)


def direction_of(value: Value, typical: Value, unit: str) -> Direction:
    """Where an applicant's value lies from the typical one of the reference population."""
    if shown(value, unit) == NOT_GIVEN:
        return "missing"
    if value == typical:
        return "same"
    if unit == "flag" or not isinstance(value, float) or not isinstance(typical, float):
        return "different"
    return "higher" if value > typical else "lower"


def compared(value: Value, typical: Value, unit: str, missing_share: float) -> str:
    """An applicant's value beside those of the approved."""
    told, usual = shown(value, unit), shown(typical, unit)
    middle = "mostly" if isinstance(typical, str) or unit == "flag" else "with a median of"
    if typical is None:
        return f"{told}; no approved applicant has it"
    match direction_of(value, typical, unit):
        case "missing":
            given = f"{100 * (1 - missing_share):.0f} %"
            return f"{told}; given by {given} of approved applicants, {middle} {usual}"
        case "same":
            usually = "as for most" if middle == "mostly" else "equal to the median of"
            return f"{usually} approved applicants: {told}"
        case "different":
            return f"other than for most approved applicants: {told}, theirs is {usual}"
        case direction:
            word = _more_or_less(direction, unit)
            return f"{word} than for approved applicants: {told} against a median of {usual}"


def _more_or_less(direction: str, unit: str) -> str:
    if unit == _FROM_APPLICATION:
        return "more recent" if direction == "higher" else "longer ago"
    return direction


def _day(value: float) -> str:
    if value == UNEMPLOYED_SENTINEL_DAYS:
        return "no such day"
    side = "after" if value > 0 else "before"
    return f"{_counted(abs(value), 'days')} {side} the application"


def _number(value: float, unit: str) -> str:
    if abs(value) >= _HUGE and unit == "ratio":  # a division by about zero
        return "above 1,000,000" if value > 0 else "below -1,000,000"
    if unit == "years":
        return f"{value:.1f} years"
    if unit == "ratio" or unit.startswith("score"):
        return _plain(value)
    if unit in _BARE or " " in unit:  # a scale, such as `rating 1 to 3`
        return f"{value:,.0f}"
    return _counted(value, unit)


def _plain(value: float) -> str:
    """Three digits that matter, never an exponent."""
    if value and abs(value) < _SMALL:
        return "about 0"
    return f"{value:.3g}" if abs(value) < _LARGE else f"{value:,.0f}"


def _counted(value: float, unit: str) -> str:
    text = f"{value:,.1f}".removesuffix(".0")
    return f"{text} {_ONE.get(unit, unit.removesuffix('s'))}" if text == "1" else f"{text} {unit}"
