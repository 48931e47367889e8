"""Starts `creditrisk serve` as a process and talks to it."""

from __future__ import annotations

import copy
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2
import yaml

from creditrisk.ledger.decisions import DecisionLedger
from creditrisk.mlops.bundle import Bundle

READY_SECONDS = 120
_ADDRESS = re.compile(r"running on (https?://[^ ]+) ")
_OURS = ("CREDITRISK_", "PROMETHEUS_")


@dataclass
class ApiServer:
    """A running server; its folder holds the ledger, the settings and the log."""

    process: subprocess.Popen[bytes]
    folder: Path

    @cached_property
    def url(self) -> str:
        """Where it listens, as it said itself."""
        return _waited_for(lambda: _address(self.log_text), self.process)

    @property
    def client(self) -> httpx2.Client:
        """A new client of it."""
        return httpx2.Client(base_url=self.url, timeout=60, verify=False, trust_env=False)

    @property
    def log_text(self) -> str:
        """What it has written so far."""
        return (self.folder / "log.jsonl").read_text()

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines of its log."""
        return [json.loads(line) for line in self.log_text.splitlines()]

    def request_line(self, request_id: str) -> dict[str, Any]:
        """The line that the log has for a request, once it is written."""
        return _waited_for(lambda: _line_of(self.log, request_id), self.process)

    def is_ready(self) -> bool:
        """Whether it says that it can answer."""
        try:
            with self.client as client:
                return client.get("/ready").status_code == 200
        except httpx2.TransportError:
            return False

    def stop(self) -> int:
        """End it as an orchestrator does; gives its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=READY_SECONDS)

    def ledger(self) -> DecisionLedger:
        """Its ledger, opened a second time."""
        place = self.folder / "ledger"
        return DecisionLedger.open(f"sqlite:///{place}/ledger.db", anchor=place / ANCHOR)


ANCHOR = "decisions_anchor.json"


@contextmanager
def running(
    folder: Path,
    *flags: str,
    serve: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[ApiServer]:
    """Start a server in a folder and wait until it is ready; end it with the block.

    Args:
        folder: where it runs.
        flags: of `creditrisk serve`; the port is any free one.
        serve: the section of params.yaml.
        environment: variables besides those of this process that are not the project's.
    """
    api = started(folder, *flags, serve=serve, environment=environment)
    try:
        _waited_for(api.is_ready, api.process)
        yield api
    finally:
        if api.process.poll() is None:
            api.stop()


def started(
    folder: Path,
    *flags: str,
    serve: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> ApiServer:
    """Start a server without waiting."""
    (folder / "params.yaml").write_text(yaml.safe_dump({"serve": dict(serve or {})}))
    own = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    command = [sys.executable, "-m", "creditrisk.pipelines.serve", "--port", "0", *flags]
    with (folder / "log.jsonl").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**own, "OMP_WAIT_POLICY": "PASSIVE", **(environment or {})},
        )
    return ApiServer(process, folder)


def golden_rows(bundle: Path) -> list[tuple[dict[str, Any], float]]:
    """Made-up feature rows that keep the contract, with the PDs that were sealed with them."""
    golden = Bundle.load(bundle).golden_predictions()
    return [
        ({"SK_ID_CURR": number, **row}, pd)
        for number, (row, pd) in enumerate(
            zip(golden.rows, golden.probabilities, strict=True), start=1
        )
        if row["NAME_INCOME_TYPE"] is not None  # the simulated lending has unknown ones
    ]


def feature_body(bundle: Path, count: int = 1) -> dict[str, Any]:
    """A request in the form of feature rows, at most some thirty."""
    return {"features": [row for row, _ in golden_rows(bundle)[:count]]}


def application_body(bundle: Path, **changes: Any) -> dict[str, Any]:
    """The made-up application that was sealed with the bundle, with other values where given."""
    body = copy.deepcopy(Bundle.load(bundle).request_contract().example)
    body["applications"][0] |= changes
    return body


def _address(log: str) -> str | None:
    match = _ADDRESS.search(log)
    return match[1] if match else None


def _line_of(log: list[dict[str, Any]], request_id: str) -> dict[str, Any] | None:
    return next((line for line in log if line.get("request_id") == request_id), None)


def _waited_for(what: Any, process: subprocess.Popen[bytes]) -> Any:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        try:
            found = what()
        except json.JSONDecodeError:  # a line is half written
            found = None
        if found:
            return found
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"not seen in {READY_SECONDS} s; exit code {process.poll()}")
