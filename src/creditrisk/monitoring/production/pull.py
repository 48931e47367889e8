"""What every kind of production data becomes before it is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from creditrisk.monitoring.production.report import BrokenRule, NotMeasured, Window

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRows:
    """Feature rows as they were read from files.

    Attributes:
        table: the columns that could be had, each in its type.
        absent: why each other input could not be had.
        extra_columns: columns that nothing reads.
        broken_rules: how the rows kept their contract.
        not_measured: what else could not be looked at.
    """

    table: pa.Table
    absent: Mapping[str, str]
    extra_columns: tuple[str, ...]
    broken_rules: tuple[BrokenRule, ...]
    not_measured: tuple[NotMeasured, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """Applicants of production.

    Attributes:
        window: what this is.
        table: those of the model's inputs that could be had, a row an applicant.
        absent: why each other input could not be had, as far as that is known here.
        scores: the PDs that were answered, None where the model is to be asked now.
        broken_rules: how the rows kept their contract.
        extra_columns: columns that nothing reads.
        not_measured: what this kind of data does not tell.
    """

    window: Window
    table: pa.Table
    absent: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    scores: NDArray[np.float64] | None = None
    broken_rules: tuple[BrokenRule, ...] = ()
    extra_columns: tuple[str, ...] = ()
    not_measured: tuple[NotMeasured, ...] = ()
