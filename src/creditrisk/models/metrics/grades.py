"""Whether the PD of a grade or a group agrees with its defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from creditrisk.models.metrics.bands import risk_bands
from creditrisk.models.metrics.intervals import Estimate, Interval
from creditrisk.models.metrics.observations import NotMeasurable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Light = Literal["green", "amber", "red"]


@dataclass(frozen=True, slots=True)
class HosmerLemeshow:
    """The statistic, its degrees of freedom, and how often true PDs give a larger one."""

    statistic: float
    degrees_of_freedom: int
    p_value: float


def jeffreys_interval(defaults: int, rows: int, confidence: float = 0.95) -> Interval:
    """The central interval of the default rate under Jeffreys' prior, Beta(1/2, 1/2).

    It ends at 0 without a default and at 1 where all rows default.

    Source: Brown, Cai, DasGupta, Interval estimation for a binomial proportion (2001).
    """
    from scipy.special import betaincinv

    _require_rows(rows)
    tail = (1 - confidence) / 2
    a, b = defaults + 0.5, rows - defaults + 0.5
    return Interval(
        low=0.0 if not defaults else float(betaincinv(a, b, tail)),
        high=1.0 if defaults == rows else float(betaincinv(a, b, 1 - tail)),
    )


def jeffreys_test(defaults: int, rows: int, pd: float) -> float:
    """One-sided p-value of 'the PD is high enough': small where it understates the risk.

    It is the posterior probability Beta(D + 1/2, N - D + 1/2) that the default rate lies at or
    below the PD.

    Source: European Central Bank, Instructions for reporting the validation results of internal
    models (2019), section 2.5.3.1.
    """
    from scipy.special import betainc

    _require_rows(rows)
    return float(betainc(defaults + 0.5, rows - defaults + 0.5, pd))


def binomial_test(defaults: int, rows: int, pd: float) -> float:
    """One-sided p-value of 'the PD is high enough': the chance of as many defaults or more.

    Source: Basel Committee on Banking Supervision, Studies on the validation of internal rating
    systems, working paper 14 (2005), section III.
    """
    from scipy.special import bdtrc

    _require_rows(rows)
    return 1.0 if not defaults else float(bdtrc(defaults - 1, rows, pd))


def traffic_light(p_value: float, amber: float = 0.05, red: float = 0.01) -> Light:
    """Red below one significance, amber below the other, else green.

    Source: Blochwitz, Hohl, Wehn, Reconsidering ratings (2005), for lights in place of one cut.
    """
    if p_value < red:
        return "red"
    return "amber" if p_value < amber else "green"


def observed_expected_by_rate(
    defaults: int, rows: int, mean_pd: float, confidence: float = 0.95
) -> Estimate:
    """Default rate over mean PD, bounded by Jeffreys' interval of the rate; for small groups too.

    Raises:
        NotMeasurable: no row, or a mean PD of 0.
    """
    _require_rows(rows)
    if mean_pd <= 0:
        raise NotMeasurable("the mean PD is 0", "a PD above 0 is required")
    low, high = jeffreys_interval(defaults, rows, confidence)
    return Estimate(defaults / rows / mean_pd, low / mean_pd, high / mean_pd)


def hosmer_lemeshow(target: ArrayLike, pd: ArrayLike, bins: int = 10) -> HosmerLemeshow:
    """Squared distances of observed from expected defaults over bands of equal size.

    On rows that the model was not fitted on there is one degree of freedom a band. With many rows
    it rejects models that are good enough, with few it accepts bad ones: information, no gate.

    Source: Hosmer, Lemeshow, Sturdivant, Applied Logistic Regression (2013), section 5.2.
    """
    from scipy.special import chdtrc

    bands = [band for band in risk_bands(target, pd, bins) if 0 < band.mean_pd < 1]
    if not bands:
        raise NotMeasurable("every PD is 0 or 1", "PDs between them are required")
    terms = [
        (band.defaults - band.rows * band.mean_pd) ** 2
        / (band.rows * band.mean_pd * (1 - band.mean_pd))
        for band in bands
    ]
    statistic = math.fsum(terms)
    return HosmerLemeshow(statistic, len(bands), float(chdtrc(len(bands), statistic)))


def chance_calibration_error(mean_pd: float, rows: int, bins: int) -> float:
    """The expected calibration error that true PDs show by chance, bands of equal size.

    The mean distance of a normal deviate from its mean is sqrt(2 / pi) standard deviations.
    """
    _require_rows(rows)
    return math.sqrt(2 / math.pi) * math.sqrt(mean_pd * (1 - mean_pd) * bins / rows)


def _require_rows(rows: int) -> None:
    if rows < 1:
        raise NotMeasurable("there is no row", "at least one is required")
