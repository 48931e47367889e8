"""How often and how long a service is tried."""

from __future__ import annotations

import pytest

from creditrisk.core.settings import WebhookSettings
from creditrisk.observability import patience
from creditrisk.observability.patience import Trial


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that are asked for; none is waited."""
    pauses: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", pauses.append)
    return pauses


def trial(**changes: float) -> Trial:
    granted = {"attempts": 8, "backoff_seconds": 1.0, "deadline_seconds": 60.0, **changes}
    return Trial(WebhookSettings.model_validate(granted))


def test_pauses_double_up_to_ten_seconds(slept: list[float]) -> None:
    """Each failure doubles the pause, ten seconds is the longest."""
    one = trial()
    assert all(one.pause(failures) for failures in range(1, 7))
    assert slept == [1, 2, 4, 8, 10, 10]


def test_the_service_may_ask_for_longer(slept: list[float]) -> None:
    """A wait that the service names replaces a shorter one; a long one ends the trial."""
    assert trial().pause(1, at_least=7.0)
    assert not trial().pause(1, at_least=3_600.0)
    assert slept == [7]


def test_no_pause_follows_the_last_attempt(slept: list[float]) -> None:
    """Attempts are counted, and no pause outlasts the deadline."""
    assert not trial(attempts=2).pause(2)
    assert not trial(deadline_seconds=0.5).pause(1)
    assert slept == []
