"""Logistic regressions on the log-odds of PDs, with the same bits at any thread count."""

from __future__ import annotations

import math

import numpy as np

from creditrisk.models.metrics.observations import Floats, Outcomes

# PDs of exactly 0 or 1 are moved by this much where a logarithm is taken, as most libraries do.
SMALLEST_PD = 1e-15
_MAX_NEWTON_STEPS = 100
_TOLERANCE = 1e-10


def log_odds_of(probabilities: Floats) -> Floats:
    """The log-odds of each PD, finite for PDs of 0 and 1 too (`SMALLEST_PD`)."""
    inner = np.clip(probabilities, SMALLEST_PD, 1 - SMALLEST_PD)
    log_odds: Floats = np.log(inner) - np.log1p(-inner)
    return log_odds


def sigmoid(log_odds: Floats) -> Floats:
    """The probability of each log-odds, without overflow."""
    probability: Floats = 1 / (1 + np.exp(-np.clip(log_odds, -700, 700)))
    return probability


def overlap(outcomes: Outcomes, scores: Floats) -> bool:
    """Whether no threshold separates the outcomes, so that a logistic fit is finite."""
    defaults, others = scores[outcomes], scores[~outcomes]
    return bool(defaults.min() < others.max() and others.min() < defaults.max())


def fit_line(x: Floats, outcomes: Outcomes) -> tuple[Floats, Floats]:
    """Intercept and slope of a logistic regression on `x` and their standard deviations.

    Newton's method with halved steps. Sums are numpy's own: a BLAS product may change its last
    bits with the number of threads.
    """
    line, log_odds = np.zeros(2), np.zeros_like(x)
    for _ in range(_MAX_NEWTON_STEPS):
        gradient, information = _derivatives(x, outcomes, log_odds)
        step = np.linalg.solve(information, gradient).astype(np.float64)
        step, log_odds = _improving_step(x, outcomes, log_odds, step)
        line = line + step
        if np.max(np.abs(step)) < _TOLERANCE:
            break
    _, information = _derivatives(x, outcomes, log_odds)
    return line, np.sqrt(np.diag(np.linalg.inv(information)))


def mean_matching_shift(log_odds: Floats, rate: float) -> float:
    """The shift with which the mean probability is `rate`: Newton's method inside a bracket."""
    centre = math.log(rate / (1 - rate))
    low, high = centre - float(log_odds.max()), centre - float(log_odds.min())
    shift = (low + high) / 2
    while high - low > _TOLERANCE:
        probability = sigmoid(log_odds + shift)
        excess = float(np.mean(probability)) - rate
        low, high = (low, shift) if excess > 0 else (shift, high)
        slope = float(np.mean(probability * (1 - probability)))
        proposed = shift - excess / slope if slope > 0 else low
        if abs(proposed - shift) < _TOLERANCE:
            return proposed
        shift = proposed if low < proposed < high else (low + high) / 2
    return shift


def _improving_step(
    x: Floats, outcomes: Outcomes, log_odds: Floats, step: Floats
) -> tuple[Floats, Floats]:
    """The step, halved until the likelihood does not fall, and the log-odds it leads to."""
    likelihood = _log_likelihood(log_odds, outcomes)
    while True:
        proposed = log_odds + (step[0] + step[1] * x)
        improves = _log_likelihood(proposed, outcomes) >= likelihood
        if improves or np.max(np.abs(step)) < _TOLERANCE:
            return step, proposed
        step = step / 2


def _derivatives(x: Floats, outcomes: Outcomes, log_odds: Floats) -> tuple[Floats, Floats]:
    probability = sigmoid(log_odds)
    residual, weight = outcomes - probability, probability * (1 - probability)
    total, first, second = np.sum(weight), np.sum(weight * x), np.sum(weight * x * x)
    gradient = np.array([np.sum(residual), np.sum(residual * x)])
    return gradient, np.array([[total, first], [first, second]])


def _log_likelihood(log_odds: Floats, outcomes: Outcomes) -> float:
    signed = np.where(outcomes, -log_odds, log_odds)
    return -float(np.sum(np.logaddexp(0, signed)))
