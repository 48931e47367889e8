"""JSON logs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from creditrisk.observability.logs import REQUEST_ID, BackgroundLines, log_event


@contextmanager
def logger(most: int = 100) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger of its own that writes into a text."""
    text = io.StringIO()
    handler = BackgroundLines(text, most)
    log = logging.getLogger("somewhere")
    log.propagate = False
    log.addHandler(handler)
    yield log, text
    log.removeHandler(handler)
    handler.close()


def lines(text: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.getvalue().splitlines()]


def test_fields_stand_beside_the_message() -> None:
    """A record becomes one line with its level, place, message and fields."""
    with logger() as (log, text):
        log.warning("seen %d", 3, extra={"fields": {"status": 200}})
    (line,) = lines(text)
    shown = {name: line[name] for name in ("level", "logger", "message", "status")}
    assert shown == {
        "level": "warning",
        "logger": "somewhere",
        "message": "seen 3",
        "status": 200,
    }


def test_an_event_tells_all_by_its_fields() -> None:
    """It has the line that `info` would have written, and none where that would be silent."""
    with logger() as (log, text):
        log.setLevel(logging.INFO)
        log_event(log, "request", {"status": 200})
        log.info("request", extra={"fields": {"status": 200}})
        log.setLevel(logging.WARNING)
        log_event(log, "request", {"status": 500})
    event, logged = ({**line, "time": None} for line in lines(text))
    assert event == logged


def test_a_line_carries_the_id_of_its_request() -> None:
    """The correlation id is that of the moment of logging, not of writing."""
    with logger() as (log, text):
        token = REQUEST_ID.set("r-1")
        log.warning("inside")
        REQUEST_ID.reset(token)
        log.warning("outside")
    assert [line.get("request_id") for line in lines(text)] == ["r-1", None]


def test_nobody_adds_a_line() -> None:
    """Line ends in a value are escaped."""
    with logger() as (log, text):
        log.warning("%s", 'a\n{"level":"critical"}')
    assert len(text.getvalue().splitlines()) == 1


def test_an_error_is_told_by_place_and_never_by_its_message() -> None:
    """The message of an unexpected error may quote an applicant's value."""
    with logger() as (log, text):
        try:
            int("Ann Example")
        except ValueError:
            log.exception("failed")
    assert "Ann" not in text.getvalue()
    assert lines(text)[0]["error"]["type"] == "builtins.ValueError"
    assert "test_logs.py" in lines(text)[0]["error"]["frames"][0]


def test_what_nobody_reads_is_dropped_and_counted() -> None:
    """Past the bound lines are dropped, and a line says how many."""
    with logger(most=2) as (log, text):
        for _ in range(5):
            log.warning("again")
    messages = [line["message"] for line in lines(text)]
    assert messages == ["again", "again", "3 lines dropped"]
