"""JSON logs: one line an event, on standard output, written by a thread of their own.

A line never holds a person's data: callers log counts, ids and durations, and an unexpected error
by its type and place, for its message may quote a value. JSON escapes line ends, so that nobody
can add a line by sending one.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections import deque
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
_COLLECT_SECONDS = 0.05
_MOST_WAITING = 50_000


class JsonLine(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; `fields` of the record stand beside its message."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request_id := getattr(record, "request_id", None)) is not None:
            line["request_id"] = request_id
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = error_place(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True, separators=(",", ":"), default=str)


class BackgroundLines(logging.Handler):
    """Hands records to a thread that writes whatever has gathered, some twenty times a second.

    A reader of the log that does not keep up delays nobody: past `most` waiting lines further ones
    are dropped, and a line says how many.
    """

    def __init__(self, stream: TextIO, most: int = _MOST_WAITING) -> None:
        super().__init__()
        self.setFormatter(JsonLine())
        self._stream = stream
        self._most = most
        self._waiting: deque[logging.LogRecord] = deque()
        self._dropped = 0
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="log", daemon=True)
        self._thread.start()

    def handle(self, record: logging.LogRecord) -> bool:
        """Keep the record for the thread; takes no lock."""
        if not self.filter(record):
            return False
        if not hasattr(record, "request_id"):
            record.request_id = REQUEST_ID.get()
        if len(self._waiting) >= self._most:
            self._dropped += 1
        else:
            self._waiting.append(record)
        if not self._wake.is_set():
            self._wake.set()
        return True

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout=5)
        super().close()

    def _write_on(self) -> None:
        while not self._stop.is_set():
            self._wake.wait()
            self._stop.wait(_COLLECT_SECONDS)
            self._wake.clear()
            self._write_waiting()
        self._write_waiting()

    def _write_waiting(self) -> None:
        lines = []
        while self._waiting:
            lines.append(self.format(self._waiting.popleft()))
        if dropped := self._dropped:
            self._dropped -= dropped
            lines.append(json.dumps({"level": "warning", "message": f"{dropped} lines dropped"}))
        if not lines:
            return
        try:
            self._stream.write("\n".join(lines) + "\n")
            self._stream.flush()
        except (OSError, ValueError):  # nobody reads any more
            self._waiting.clear()


def log_as_json(stream: TextIO | None = None, level: int = logging.INFO) -> BackgroundLines:
    """Send the root logger's records, and so every library's, to one JSON line each."""
    handler = BackgroundLines(stream or sys.stdout)
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    return handler


def log_event(logger: logging.Logger, message: str, fields: Mapping[str, Any]) -> None:
    """Log an event that tells all by its fields; no caller is looked up, which takes most of it."""
    if logger.isEnabledFor(logging.INFO):
        record = logging.LogRecord(logger.name, logging.INFO, "", 0, message, None, None)
        record.fields = fields
        logger.handle(record)


def error_place(error: BaseException) -> dict[str, Any]:
    """The types and places of an error and of what caused it, without their messages."""
    place: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "frames": [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ],
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return place | ({"cause": error_place(cause)} if cause else {})
