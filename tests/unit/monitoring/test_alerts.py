from __future__ import annotations

from pathlib import Path

import pytest

from creditrisk.core.settings import WebhookSettings
from creditrisk.monitoring import alerts
from creditrisk.monitoring.alerts import Alarm, PostedAlerts, post_alarms
from creditrisk.observability.webhook import Alert, Posted

SETTINGS = WebhookSettings()


class Hook:
    """Stands for the webhook; counts what is posted, and fails as long as it is told to."""

    def __init__(self) -> None:
        self.posted: list[str] = []
        self.status = "posted"

    def __call__(self, alert: Alert, _: WebhookSettings) -> Posted:
        """Note the alert."""
        self.posted.append(alert.name)
        return Posted(self.status)  # type: ignore[arg-type]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Hook:
    stand_in = Hook()
    monkeypatch.setattr(alerts, "post_alert", stand_in)
    return stand_in


def alarm(name: str = "data_stale", evidence: str = "w1") -> Alarm:
    return Alarm(Alert(name, "warning", "text", {}), evidence)


def test_the_same_alarm_of_the_same_evidence_is_posted_once(hook: Hook, tmp_path: Path) -> None:
    """However often it is found, people hear of it once; of new evidence they hear again."""
    for evidence in ("w1", "w1", "w2"):
        post_alarms([alarm(evidence=evidence), alarm("other", evidence)], SETTINGS, tmp_path)
    assert hook.posted == ["data_stale", "other", "data_stale", "other"]


def test_what_did_not_arrive_is_posted_again(hook: Hook, tmp_path: Path) -> None:
    """A failure is reported and remembered by nobody."""
    hook.status = "not posted"
    assert post_alarms([alarm()], SETTINGS, tmp_path) == ["alert data_stale: not posted"]
    hook.status = "posted"
    post_alarms([alarm()], SETTINGS, tmp_path)
    assert post_alarms([alarm()], SETTINGS, tmp_path) == ["alert data_stale: posted before"]
    assert len(hook.posted) == 2


def test_without_alarms_nothing_happens(hook: Hook, tmp_path: Path) -> None:
    """No alarm, no post, no file."""
    assert post_alarms([], SETTINGS, tmp_path) == ()
    assert (hook.posted, list(tmp_path.iterdir())) == ([], [])


def test_a_damaged_memory_silences_nobody(hook: Hook, tmp_path: Path) -> None:
    """Where the memory cannot be read an alarm is posted, twice rather than never."""
    memory = tmp_path / "posted_alerts.json"
    memory.write_text("{")
    post_alarms([alarm()], SETTINGS, tmp_path)
    assert hook.posted == ["data_stale"]
    assert PostedAlerts.read(memory).has(alarm())


def test_a_folder_that_cannot_be_written_fails_no_caller(hook: Hook, tmp_path: Path) -> None:
    """The caller is told, and goes on."""
    (tmp_path / "file").write_text("")
    (line,) = post_alarms([alarm()], SETTINGS, tmp_path / "file")
    assert line.startswith("alerts not posted")
    assert hook.posted == []
