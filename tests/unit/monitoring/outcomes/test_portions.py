"""What is judged together is named once, and says whose decisions it is."""

from __future__ import annotations

import numpy as np
import pytest

from creditrisk.monitoring.outcomes.portions import Portion, portions
from creditrisk.monitoring.outcomes.samples import Column, Decisions

OLD, NEW = "a" * 64, "b" * 64
MONTHS = ("2025-01", "2025-02", "2025-03")


def decided(*by_month: str) -> tuple[Portion, ...]:
    """The portions where these models decided in each month: `a`, `b`, or `ab` for both."""
    rows = [
        (month, model * 64)
        for month, models in zip(MONTHS, by_month, strict=False)
        for model in models
    ]
    months, models = zip(*rows, strict=True) if rows else ((), ())
    return portions(
        Decisions(
            np.zeros(len(rows)),
            {
                "month": Column(MONTHS, np.searchsorted(MONTHS, months)),
                "bundle": Column((OLD, NEW), np.searchsorted((OLD, NEW), models)),
            },
        )
    )


def shown(*by_month: str) -> list[tuple[str, str]]:
    """Scopes with the models whose decisions they are."""
    return [(one.scope, "".join(name[0] for name in one.models)) for one in decided(*by_month)]


OF_OLD, OF_NEW = "model " + "a" * 12, "model " + "b" * 12


@pytest.mark.parametrize(
    ("by_month", "wanted"),
    [
        ((), [("all", "")]),
        (("a",), [("all", "a")]),
        (("a", "a", "a"), [("all", "a"), ("month 2025-03", "a")]),
        (("a", "a", "b"), [("all", "ab"), (OF_NEW, "b"), (OF_OLD, "a")]),
        (
            ("a", "b", "b"),
            [("all", "ab"), (f"month 2025-03, {OF_NEW}", "b"), (OF_OLD, "a"), (OF_NEW, "b")],
        ),
        (
            ("a", "ab"),
            [
                ("all", "ab"),
                ("month 2025-02", "ab"),
                (OF_OLD, "a"),
                (f"month 2025-02, {OF_OLD}", "a"),
                (OF_NEW, "b"),
            ],
        ),
    ],
)
def test_each_set_of_outcomes_is_judged_once(
    by_month: tuple[str, ...], wanted: list[tuple[str, str]]
) -> None:
    """All, the latest month, and the same of each of several models, named by the model."""
    assert shown(*by_month) == wanted


def test_a_portion_holds_its_own_months() -> None:
    """Those of a model are the ones in which it decided."""
    assert [one.months for one in decided("a", "ab", "b")] == [
        MONTHS,
        MONTHS[2:],
        MONTHS[:2],
        MONTHS[1:],
    ]
