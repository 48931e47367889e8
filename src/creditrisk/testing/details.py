"""Tables beside a check: what was seen in each grade, group, feature or link."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from creditrisk.core.report import Number, Part


class GradeRow(Part):
    """A risk grade's PD against its defaults; `low` and `high` bound the default rate (Jeffreys).

    Both p-values are small where the PD is too low for the defaults seen. A grade without an
    applicant has rows 0 and nulls.
    """

    grade: str
    pd_below: Number
    rows: int
    defaults: int
    mean_pd: Number | None = None
    default_rate: Number | None = None
    low: Number | None = None
    high: Number | None = None
    jeffreys_p: Number | None = None
    binomial_p: Number | None = None
    light: Literal["green", "amber", "red"] | None = None


class GradeTable(Part):
    """Every risk grade, the best first."""

    kind: Literal["grades"] = "grades"
    rows: tuple[GradeRow, ...]


class CalibrationRow(Part):
    """A group's observed over expected defaults with Jeffreys' interval."""

    attribute: str
    group: str
    rows: int
    defaults: int
    mean_pd: Number
    default_rate: Number
    observed_expected: Number
    low: Number
    high: Number
    holds: bool


class CalibrationTable(Part):
    """Calibration within every group of every attribute."""

    kind: Literal["calibration"] = "calibration"
    confidence: Number
    rows: tuple[CalibrationRow, ...]


class ApprovalRow(Part):
    """A group's approvals against those of the attribute's best-treated group.

    `applicants` are those who count: all, or those who repaid. `value` is the ratio or difference
    of approval rates. Null where the group is too small to be judged.
    """

    attribute: str
    group: str
    applicants: int
    approved: int
    approval_rate: Number
    is_reference: bool
    value: Number | None = None
    low: Number | None = None
    high: Number | None = None
    holds: bool | None = None


class ApprovalTable(Part):
    """Approvals within every group of every protected attribute."""

    kind: Literal["approvals"] = "approvals"
    confidence: Number
    rows: tuple[ApprovalRow, ...]


class ProxyRow(Part):
    """How well the model's inputs tell a group of a protected attribute from the others."""

    attribute: str
    group: str
    rows: int
    roc_auc: Number
    low: Number
    high: Number
    holds: bool


class ProxyTable(Part):
    """Protected attributes that are no inputs, and those that are."""

    kind: Literal["proxies"] = "proxies"
    applicants: int
    inputs_themselves: tuple[str, ...]
    rows: tuple[ProxyRow, ...]


class ShiftRow(Part):
    """The stability index of the score or of one input."""

    name: str
    value: Number | None
    critical_value: Number | None
    status: str


class ShiftTable(Part):
    """Stability of score or inputs, between the two samples of the drift report."""

    kind: Literal["shifts"] = "shifts"
    reference: str
    current: str
    confidence: Number
    rows: tuple[ShiftRow, ...]


class AgreementRow(Part):
    """Something recorded in two places. Null: not there."""

    name: str
    required: str | None
    seen: str | None


class AgreementTable(Part):
    """What was compared, by number, and everything that disagrees."""

    kind: Literal["agreement"] = "agreement"
    compared: int
    disagreements: tuple[AgreementRow, ...]


Details = Annotated[
    GradeTable | CalibrationTable | ApprovalTable | ProxyTable | ShiftTable | AgreementTable,
    Field(discriminator="kind"),
]
