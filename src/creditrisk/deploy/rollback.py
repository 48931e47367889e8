"""Back to the recorded revision, as often as it takes, and the proof that it runs."""

from __future__ import annotations

from dataclasses import dataclass

from creditrisk.core.errors import CreditRiskError
from creditrisk.deploy.clock import Deadline
from creditrisk.deploy.errors import LockLost
from creditrisk.deploy.journal import Journal, Revision
from creditrisk.deploy.report import Rollback
from creditrisk.deploy.service import EcsService
from creditrisk.deploy.smoke import Expected, SmokePatience, SmokeReport, SmokeTest


@dataclass
class Way:
    """The way back for one service."""

    service: EcsService
    journal: Journal
    api_key: str | None

    def back_to(self, revision: Revision) -> Rollback:
        """Put a revision back and verify it; tried until it is done or the time is up.

        Raises:
            LockLost: another deployment does so.
        """
        waits = self.service.target.waits
        deadline = self.service.clock.deadline(waits.rollback_seconds)
        attempts = 0
        while True:
            attempts += 1
            try:
                smoke = self._attempt(revision, deadline)
            except LockLost:
                raise
            except Exception as error:  # noqa: BLE001 - the way back is tried again, whatever it was
                problem = str(error) or type(error).__name__
            else:
                return Rollback(
                    revision=revision, verified=True, attempts=attempts, problem=None, smoke=smoke
                )
            if not self._rested(deadline):
                return Rollback(
                    revision=revision, verified=False, attempts=attempts, problem=problem
                )

    def _attempt(self, revision: Revision, deadline: Deadline) -> SmokeReport | None:
        # The lock, last of all before the service is touched: whoever lost it touches nothing.
        self.journal.advance(self.journal.record.phase)
        deployment = self.service.update(revision)
        self.service.wait_until_runs(revision, deployment, deadline)
        if revision.bundle_sha256 is None or revision.desired_count == 0:
            return None
        smoke = SmokeTest(
            self.service.target.url,
            Expected(revision.bundle_sha256),
            smoke_patience(self.service),
            self.service.clock,
            self.api_key,
        ).run()
        smoke.require_passed()
        return smoke

    def _rested(self, deadline: Deadline) -> bool:
        try:
            return deadline.rest(self.service.target.waits.poll_seconds)
        except LockLost:
            raise
        except CreditRiskError:  # the journal cannot be renewed, which the next attempt will tell
            return deadline.seconds_left > 0


def smoke_patience(service: EcsService) -> SmokePatience:
    """How long a smoke test of this service may take."""
    waits = service.target.waits
    return SmokePatience(waits.request_seconds, waits.smoke_seconds, waits.poll_seconds)
