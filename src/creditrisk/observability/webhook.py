"""Alerts for people, as JSON that Slack, Mattermost and their like take.

The address is a secret: it comes from the environment alone, and neither it nor what a server
answers is ever logged. Nothing here raises.
"""

from __future__ import annotations

import json
import logging
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit

from creditrisk.observability.patience import Patience, Trial

URL_VARIABLE = "CREDITRISK_ALERT_WEBHOOK_URL"

Severity = Literal["info", "warning", "critical"]
PostStatus = Literal["posted", "not posted", "not configured"]

_COLOURS: Mapping[Severity, str] = MappingProxyType(
    {"info": "#439fe0", "warning": "#daa038", "critical": "#a30200"}
)
_MOST_CHARACTERS = 3_000
_MOST_FACTS = 20
_SHORT = 40
_ATTEMPT_SECONDS = 5.0
_TRANSIENT_STATUSES = {408, 425, 429, 500, 502, 503, 504}
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, slots=True)
class Alert:
    """An alarm as people read it; its name is its heading in docs/runbook.md."""

    name: str
    severity: Severity
    text: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of an alert."""

    status: PostStatus
    reason: str | None = None

    def sentence(self, name: str) -> str:
        """The outcome in one line for a person."""
        return f"alert {name}: {self.status}{f', {self.reason}' if self.reason else ''}"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would hand the alert to a server that nobody named."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


def post_alert(alert: Alert, settings: Patience) -> Posted:
    """Post an alert, again where server or network are at fault; says, and logs, what became of it."""
    url = os.environ.get(URL_VARIABLE, "").strip()
    if not url:
        posted = Posted("not configured", f"{URL_VARIABLE} is not set")
    elif (refusal := _refusal(url)) is not None:
        posted = Posted("not configured", refusal)
    else:
        posted = _post(url, payload(alert), settings)
    level = logging.INFO if posted.status == "posted" else logging.WARNING
    fields = {"alert": alert.name, "status": posted.status, "reason": posted.reason}
    _logger().log(level, "%s", posted.sentence(alert.name), extra={"fields": fields})
    return posted


def payload(alert: Alert) -> dict[str, Any]:
    """The alert in Slack's form; what it quotes can neither mention people nor make links."""
    facts = list(alert.facts.items())[:_MOST_FACTS]
    return {
        "text": f"[{alert.severity}] {_plain(alert.name)}: {_plain(alert.text)}",
        "attachments": [
            {
                "color": _COLOURS[alert.severity],
                "fallback": _plain(alert.name),
                "fields": [
                    {"title": _plain(key), "value": _plain(value), "short": len(value) <= _SHORT}
                    for key, value in facts
                ],
            }
        ],
    }


def _refusal(url: str) -> str | None:
    """Why an address cannot be used, without the address."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return f"{URL_VARIABLE} is no address"
    if parts.scheme not in {"http", "https"} or not host:
        return f"{URL_VARIABLE} is no https address"
    if parts.scheme == "http" and host not in _LOOPBACK:
        return f"{URL_VARIABLE} is http: the secret in it would travel in the clear"
    return None


def _post(url: str, content: Mapping[str, Any], settings: Patience) -> Posted:
    body = json.dumps(content).encode()
    trial = Trial(settings)
    reason = None
    for failures in range(1, settings.attempts + 1):
        reason, wait = _attempt(url, body, min(_ATTEMPT_SECONDS, trial.seconds_left))
        if reason is None:
            return Posted("posted")
        if wait is None or not trial.pause(failures, wait):
            break
    return Posted("not posted", reason)


def _attempt(url: str, body: bytes, seconds: float) -> tuple[str | None, float | None]:
    """Why it failed, None where it arrived; and how long to wait, None where that is of no use."""
    headers = {"Content-Type": "application/json", "User-Agent": "creditrisk"}
    try:
        request = urllib.request.Request(url, body, headers)  # noqa: S310 - the scheme was checked
        opener = urllib.request.build_opener(_NoRedirects)
        with opener.open(request, timeout=max(seconds, 0.1)):
            return None, None
    except urllib.error.HTTPError as error:
        with error:
            is_transient = error.code in _TRANSIENT_STATUSES
            return f"HTTP {error.code}", _retry_after(error) if is_transient else None
    except (OSError, HTTPException) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        name = type(cause).__name__ if isinstance(cause, BaseException) else "URLError"
        return name, None if name.startswith("SSL") else 0.0
    except ValueError as error:  # an address that no header can carry
        return type(error).__name__, None


def _retry_after(error: urllib.error.HTTPError) -> float:
    value = error.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else 0.0


def _plain(text: str) -> str:
    """Text as Slack shows it as it is: https://api.slack.com/reference/surfaces/formatting#escaping."""
    escaped = text[:_MOST_CHARACTERS].replace("&", "&amp;").replace("<", "&lt;")
    return escaped.replace(">", "&gt;")


def _logger() -> logging.Logger:
    return logging.getLogger("creditrisk.webhook")
