"""Who calls, and what that caller may do.

No scope implies another: whoever runs the service need not see an applicant's data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from creditrisk.serve.security.limits import Rate
from creditrisk.serve.security.refusals import MissingScope


class Scope(StrEnum):
    """What a caller may be allowed."""

    PREDICT = "predict"  # POST /predict, POST /validate
    OVERRIDE = "override"  # a threshold of the caller's own in POST /predict
    AUDIT = "audit"  # GET /decisions/{id} and its replay
    ADMIN = "admin"  # GET /metrics


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whom the gate has let in.

    Args:
        name: what ledger and log call the caller; never a credential.
        identity: what rate limits are counted by: a key's id, a token's subject.
        scopes: what the caller may do.
        rate: a limit of the caller's own.
    """

    name: str
    identity: str
    scopes: frozenset[Scope]
    rate: Rate | None = None

    def may(self, needed: Scope) -> bool:
        """Whether the caller has this scope."""
        return needed in self.scopes

    def require(self, needed: Scope) -> None:
        """Let the caller go on only with this scope.

        Raises:
            MissingScope: the caller has it not.
        """
        if needed not in self.scopes:
            raise MissingScope(needed, ordered(self.scopes))


def ordered(scopes: Iterable[Scope]) -> list[Scope]:
    """Scopes in the order of their declaration."""
    held = set(scopes)
    return [scope for scope in Scope if scope in held]


LOCAL = Caller("local", "local", frozenset(Scope))
