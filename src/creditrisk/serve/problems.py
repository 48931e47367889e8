"""Every error that leaves the API: problem details as RFC 9457 describes them.

A problem's type is a URN, so that a caller can match on it whichever address the API answers at.
Its members never hold a stack trace, a path of this machine or a secret: `detail` is written for
the caller.

Source: https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from creditrisk.core.errors import CreditRiskError

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:creditrisk:problem:"


class Problem(CreditRiskError):
    """An error that the caller is told of.

    Args:
        status: the HTTP status.
        kind: the last part of the problem's type, such as `overloaded`.
        title: the same words each time this type occurs.
        detail: what was refused this time, what was seen, what is required.
        headers: what the status asks for, such as Retry-After, WWW-Authenticate or Allow.
        members: further members that a program can read, such as `violations`.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members
        super().__init__(f"{status} {title}: {detail}")

    @property
    def type(self) -> str:
        """The URN of the problem's type."""
        return f"{_TYPE_PREFIX}{self.kind}"

    def body(self, request_id: str) -> bytes:
        """The problem as JSON, with the correlation id of the request that met it."""
        content = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:creditrisk:request:{request_id}",
            "request_id": request_id,
            **self.members,
        }
        return json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode()


class UnexpectedProblem(Problem):
    """Something that nobody foresaw; the log holds the rest under the request id."""

    def __init__(self) -> None:
        super().__init__(
            500,
            "unexpected",
            "Unexpected error",
            "The request failed for a reason that is not the caller's. No decision was made. "
            "Quote request_id to whoever operates this API.",
        )


class StatusProblem(Problem):
    """A status that HTTP itself gives, such as 404 or 405."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        phrase = HTTPStatus(status).phrase
        kind = phrase.lower().replace(" ", "-").replace("'", "")
        super().__init__(status, kind, phrase, detail, headers=headers)


class Overloaded(Problem):
    """More waits than may wait."""

    def __init__(self, waiting: str, retry_after_seconds: int = 1) -> None:
        super().__init__(
            503,
            "overloaded",
            "Too much waits",
            f"{waiting}. Send the request again after {retry_after_seconds} s.",
            headers={"Retry-After": str(retry_after_seconds)},
        )


class LedgerUnavailable(Problem):
    """A decision that cannot be recorded is not made."""

    def __init__(self, retry_after_seconds: int = 5) -> None:
        super().__init__(
            503,
            "ledger-unavailable",
            "Decisions cannot be recorded",
            "The decision ledger did not confirm the record, so no decision is given. Send the "
            f"request again after {retry_after_seconds} s.",
            headers={"Retry-After": str(retry_after_seconds)},
        )


class NotReady(Problem):
    """The process is alive and cannot answer yet, or any more."""

    def __init__(self, missing: Mapping[str, str]) -> None:
        super().__init__(
            503,
            "not-ready",
            "Not ready",
            f"Not ready: {', '.join(missing)}.",
            headers={"Retry-After": "1"},
            missing=dict(missing),
        )


class BodyTooLarge(Problem):
    """A request body beyond the limit; the rest of it was not read."""

    def __init__(self, most: int) -> None:
        super().__init__(
            413,
            "body-too-large",
            "Body too large",
            f"The body exceeds {most} bytes, the most that this API reads.",
            headers={"Connection": "close"},
            max_body_bytes=most,
        )


class UnsupportedBody(Problem):
    """A body that is not plain JSON."""

    def __init__(self, header: str, seen: str, required: str) -> None:
        super().__init__(
            415,
            "unsupported-body",
            "Unsupported body",
            f"{header} is {seen!r}, required is {required}.",
        )
