"""What the gate answers whom it does not let in: problem details that hold no credential."""

from __future__ import annotations

import math
from collections.abc import Sequence

from creditrisk.serve.problems import Problem

_REALM = 'Bearer realm="creditrisk"'


class Unauthenticated(Problem):
    """Nobody knows the caller.

    Args:
        reason: a sentence for the caller and the log.
        presented: whether there was a credential at all.
    """

    def __init__(self, reason: str, *, presented: bool = True) -> None:
        self.reason = reason
        challenge = f'{_REALM}, error="invalid_token"' if presented else _REALM
        super().__init__(
            401,
            "unauthenticated",
            "Who calls is not known",
            f"{reason} Send Authorization: Bearer with an API key or a token.",
            headers={"WWW-Authenticate": challenge},
        )


class MissingScope(Problem):
    """The caller is known and may not do this."""

    def __init__(self, needed: str, held: Sequence[str]) -> None:
        super().__init__(
            403,
            "missing-scope",
            "Not allowed",
            f"This needs the scope {needed}; the caller has {', '.join(held) or 'none'}.",
            headers={"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{needed}"'},
            needed=needed,
        )


class TooManyRequests(Problem):
    """A caller asks more often than allowed."""

    def __init__(self, wait_seconds: float, per_second: float, burst: int) -> None:
        retry_after = max(1, math.ceil(wait_seconds))
        super().__init__(
            429,
            "too-many-requests",
            "Too many requests",
            f"This caller may send {per_second:g} requests a second and {burst} at once. Send the "
            f"request again after {retry_after} s.",
            headers={"Retry-After": str(retry_after)},
        )


class TooManyFailures(Problem):
    """An address sends wrong credentials again and again; each further one costs a connection."""

    def __init__(self, wait_seconds: float) -> None:
        retry_after = max(1, math.ceil(wait_seconds))
        super().__init__(
            429,
            "too-many-failures",
            "Too many wrong credentials",
            f"This address has sent too many requests with a wrong credential or none. Check it, "
            f"and send the request again after {retry_after} s.",
            headers={"Retry-After": str(retry_after), "Connection": "close"},
        )


class CredentialTooLong(Problem):
    """A header that is longer than any key or token."""

    def __init__(self, header: str, seen: int, most: int) -> None:
        super().__init__(
            431,
            "request-header-fields-too-large",
            "Request header too large",
            f"The header {header} has {seen} bytes, at most {most} are read.",
            headers={"Connection": "close"},
        )


class NotForStrangers(Problem):
    """A request to the open API of this machine that a page from elsewhere may have sent."""

    def __init__(self, header: str) -> None:
        super().__init__(
            403,
            "not-for-strangers",
            "Only for callers on this machine",
            f"This API knows no keys, so it answers only requests whose {header} names this "
            "machine: 127.0.0.1, [::1] or localhost. Configure API keys to be called from "
            "elsewhere.",
        )


class CredentialsUnavailable(Problem):
    """The caller may be right, but nobody can tell now."""

    def __init__(self, what: str, retry_after_seconds: int = 5) -> None:
        super().__init__(
            503,
            "credentials-unavailable",
            "Credentials cannot be checked",
            f"{what} Send the request again after {retry_after_seconds} s.",
            headers={"Retry-After": str(retry_after_seconds)},
        )
