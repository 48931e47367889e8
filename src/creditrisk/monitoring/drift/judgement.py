"""When a measured difference counts: beyond its bar, and beyond what chance does to a whole report."""

from __future__ import annotations

from dataclasses import dataclass

from creditrisk.core.settings import DriftBars, MonitorDriftSettings
from creditrisk.mlops.monitoring_reference import MonitoringReference
from creditrisk.monitoring.drift.report import DriftStatus, Measure, Method

_MEASURES_A_COLUMN = 2  # of a number psi and wasserstein, of a category psi and jensen_shannon
_DOMAIN = 1


@dataclass(frozen=True, slots=True)
class Judgement:
    """The bars of every method, and the level at which each of `tests` measures is tested.

    The level is Bonferroni's: it holds however the columns depend on each other, and the verdict on
    a column never depends on what other columns hold. All measures of a report count, also those
    that could not be taken, so that the critical values of a model's reports stay the same.
    """

    settings: MonitorDriftSettings
    tests: int

    @classmethod
    def of(cls, reference: MonitoringReference, settings: MonitorDriftSettings) -> Judgement:
        """The judgement on score, columns and domain of a reference."""
        columns = 1 + len(reference.numbers) + len(reference.categories)
        return cls(settings, _MEASURES_A_COLUMN * columns + _DOMAIN)

    @property
    def level(self) -> float:
        """Below which p-value one measure is beyond chance."""
        return (1 - self.settings.confidence) / self.tests

    def bars(self, method: Method) -> DriftBars:
        """From which size on a difference counts."""
        return bars_by_method(self.settings)[method]

    def measure(
        self, method: Method, statistic: float, p_value: float, critical_value: float | None = None
    ) -> Measure:
        """A measured difference with its verdict."""
        bars, beyond = self.bars(method), p_value < self.level
        return Measure(
            method=method,
            statistic=statistic,
            bar=bars.shifted_from,
            critical_value=critical_value,
            p_value=p_value,
            beyond_chance=beyond,
            status=_status(statistic, bars, critical_value, beyond=beyond),
        )


def bars_by_method(settings: MonitorDriftSettings) -> dict[Method, DriftBars]:
    """The bars of each method."""
    return {
        "psi": settings.psi,
        "wasserstein": settings.wasserstein,
        "jensen_shannon": settings.jensen_shannon,
        "roc_auc": settings.domain_auc,
    }


def _status(
    statistic: float, bars: DriftBars, critical_value: float | None, *, beyond: bool
) -> DriftStatus:
    if beyond and statistic >= bars.shifted_from:
        return "drifted" if statistic >= bars.drifted_from else "shifted"
    if critical_value is not None and critical_value >= bars.drifted_from:
        return "not measured"
    return "stable"


def too_few(measure: Measure, drifted_from: float) -> str:
    """Why a measure cannot tell drift from none."""
    return (
        f"too few rows: chance alone reaches {measure.critical_value or 0:.3f}, "
        f"drift begins at {drifted_from:g}"
    )
