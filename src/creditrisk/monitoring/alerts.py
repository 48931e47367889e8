"""Alerts that are posted once: the same alarm of the same evidence does not come again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, Field

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.process_lock import held
from creditrisk.core.report import Part, Report
from creditrisk.core.settings import WebhookSettings
from creditrisk.observability.webhook import Alert, Posted, post_alert

_MEMORY = "posted_alerts.json"

_KEPT = 1_000
_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alert and what it is about: two of one name and evidence are one.

    `evidence` names the window that was measured, or what was seen; not the moment of looking.
    """

    alert: Alert
    evidence: str

    @property
    def sha256(self) -> str:
        """What tells it from other alarms."""
        return hashlib.sha256(f"{self.alert.name}\n{self.evidence}".encode()).hexdigest()


class PostedAlert(Part):
    """An alarm that was posted."""

    name: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    at: AwareDatetime


class PostedAlerts(Report):
    """The latest alarms that were posted."""

    alerts: tuple[PostedAlert, ...] = ()

    @classmethod
    def of(cls, path: Path) -> PostedAlerts:
        """What is remembered; a damaged memory remembers nothing: twice is better than never."""
        try:
            return cls.read(path)
        except CreditRiskError:
            return cls()

    def has(self, alarm: Alarm) -> bool:
        """Whether it was posted before."""
        return alarm.sha256 in {alert.sha256 for alert in self.alerts}

    def with_alarm(self, alarm: Alarm, at: datetime) -> PostedAlerts:
        """The memory with one more."""
        posted = PostedAlert(name=alarm.alert.name, sha256=alarm.sha256, at=at)
        return PostedAlerts(alerts=(*self.alerts, posted)[-_KEPT:])


def post_alarms(alarms: Iterable[Alarm], settings: WebhookSettings, reports: Path) -> Sequence[str]:
    """Post what was not posted before; a line each on what became of it. Never raises.

    What could not be posted is not remembered, so that the next run tries again.

    Args:
        alarms: what fired.
        settings: how often and how long to try.
        reports: the folder of the reports, in which posted alarms are remembered.
    """
    memory = reports / _MEMORY
    wanted = tuple(alarms)
    if not wanted:
        return ()
    try:
        with held(memory.with_suffix(".lock"), "Posting alerts", wait_seconds=_WAIT_SECONDS):
            return [_post_once(alarm, settings, memory) for alarm in wanted]
    except (CreditRiskError, OSError) as error:
        return [f"alerts not posted: {error}"]


def _post_once(alarm: Alarm, settings: WebhookSettings, memory: Path) -> str:
    before = PostedAlerts.of(memory)
    if before.has(alarm):
        return f"alert {alarm.alert.name}: posted before"
    posted: Posted = post_alert(alarm.alert, settings)
    if posted.status == "posted":
        before.with_alarm(alarm, datetime.now(UTC)).write(memory)
    return posted.sentence(alarm.alert.name)
