from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from creditrisk.core.settings import WebhookSettings
from creditrisk.observability.webhook import URL_VARIABLE, Alert, payload, post_alert

if TYPE_CHECKING:
    from webhook_server import Webhook

ALERT = Alert("data_stale", "warning", "bureau.csv is 40 days old", {"file": "bureau.csv"})
QUICK = WebhookSettings(backoff_seconds=0.01, deadline_seconds=5)


def test_an_alert_arrives_in_slack_s_form(hook: Webhook) -> None:
    """Text and attachments are where Slack and its like look for them."""
    assert post_alert(ALERT, QUICK).status == "posted"
    (received,) = hook.received
    assert received["text"] == "[warning] data_stale: bureau.csv is 40 days old"
    field = {"title": "file", "value": "bureau.csv", "short": True}
    assert received["attachments"][0]["fields"] == [field]


@pytest.mark.parametrize("fault", [429, 500, 503, None])
def test_what_may_pass_is_tried_again(hook: Webhook, fault: int | None) -> None:
    """A busy server and a cut connection are waited out; the alert arrives once."""
    hook.statuses = [fault, fault]
    assert post_alert(ALERT, QUICK).status == "posted"
    assert (hook.requests, len(hook.received)) == (3, 1)


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_refusal_is_final(hook: Webhook, status: int) -> None:
    """What waiting cannot cure is tried once and reported."""
    hook.statuses = [status]
    posted = post_alert(ALERT, QUICK)
    assert (posted.status, posted.reason) == ("not posted", f"HTTP {status}")
    assert hook.requests == 1


def test_an_outage_ends(hook: Webhook) -> None:
    """After the last attempt the failure is reported, and raises nothing."""
    hook.statuses = [503] * 10
    assert post_alert(ALERT, QUICK).reason == "HTTP 503"
    assert hook.requests == QUICK.attempts


def test_a_long_wait_is_not_waited(hook: Webhook) -> None:
    """A server that says 'in an hour' ends the attempts at once."""
    hook.statuses, hook.headers = [429], {"Retry-After": "3600"}
    started = monotonic()
    assert post_alert(ALERT, QUICK).status == "not posted"
    assert monotonic() - started < 3


def test_a_redirect_is_not_followed(hook: Webhook) -> None:
    """An alert goes to the server that was named, and to no other."""
    hook.statuses, hook.headers = [302], {"Location": hook.url}
    assert post_alert(ALERT, QUICK).reason == "HTTP 302"
    assert (hook.requests, hook.received) == (1, [])


def test_without_an_address_nothing_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No address is a logged 'not configured'."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    with caplog.at_level(logging.WARNING, "creditrisk.webhook"):
        assert post_alert(ALERT, QUICK).status == "not configured"
    assert "not configured" in caplog.text


@pytest.mark.parametrize(
    "address", ["http://hooks.example.com/s3cr3t", "ftp://x/s3cr3t", "s3cr3t", "https://[s3cr3t"]
)
def test_an_address_that_would_give_the_secret_away_is_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    """Only https, or this machine, is posted to; the reason does not quote the address."""
    monkeypatch.setenv(URL_VARIABLE, address)
    with caplog.at_level(logging.DEBUG):
        posted = post_alert(ALERT, QUICK)
    assert posted.status == "not configured"
    assert "s3cr3t" not in caplog.text + repr(posted)


@pytest.mark.parametrize("fault", [None, 404, 503, 200])
def test_the_secret_is_never_logged(
    hook: Webhook, caplog: pytest.LogCaptureFixture, fault: int | None
) -> None:
    """Whatever happens, neither log nor result holds the address."""
    hook.statuses = [fault] * 10
    with caplog.at_level(logging.DEBUG):
        posted = post_alert(ALERT, QUICK)
    assert "s3cr3t" not in caplog.text + repr(posted)
    assert all("s3cr3t" not in str(record.__dict__) for record in caplog.records)


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is not there is a failure that is reported."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv(URL_VARIABLE, "http://127.0.0.1:1/s3cr3t")
    assert post_alert(ALERT, QUICK).reason == "ConnectionRefusedError"


def test_quoted_text_is_inert() -> None:
    """Text that an alert quotes mentions nobody and links nowhere."""
    alert = Alert("a", "info", "<!channel> & <http://x|y>", {"k": "<@U1>"})
    content = str(payload(alert))
    assert "<" not in content
    assert "&lt;!channel&gt; &amp;" in content
