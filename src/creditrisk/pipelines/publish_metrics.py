"""Bring what API and reports say to CloudWatch and to Prometheus' textfile, every minute.

A process of its own beside the API, which it asks for /metrics like any other caller: nothing here
is on a request's path, and an outage of CloudWatch delays nobody.
"""

from __future__ import annotations

import logging
import os
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.core.errors import Misuse
from creditrisk.core.settings import DEFAULT_PARAMS_PATH, Settings, load_settings
from creditrisk.pipelines.command import run
from creditrisk.pipelines.companions import accompanied, companion_command
from creditrisk.pipelines.long_running import json_log, rest, terminable

if TYPE_CHECKING:
    from creditrisk.observability.exposition import Scrape

KEY_VARIABLE = "CREDITRISK_METRICS_KEY"
_SCRAPE_SECONDS = 10.0

Url = Annotated[str, typer.Option(help="The API's metrics; a key: CREDITRISK_METRICS_KEY.")]
NoApi = Annotated[bool, typer.Option("--no-api", help="Tell only what the reports say.")]
Reports = Annotated[Path, typer.Option(help="Folder of the reports.")]
Textfile = Annotated[Path, typer.Option(help="File for node_exporter's textfile collector.")]
Seconds = Annotated[float, typer.Option(min=1, help="From one publication to the next.")]
Once = Annotated[
    bool, typer.Option("--once", help="Publish once: increases are those of --seconds.")
]
Parent = Annotated[int | None, typer.Option(help="Stop when this parent process is gone.")]
Params = Annotated[Path, typer.Option(help="Settings.")]


class NoWebAddress(Misuse):
    """The metrics of the API are to be fetched from something that is no web address."""

    def __init__(self) -> None:
        super().__init__("--url must begin with http:// or https://.")


def main(
    *,
    url: Url = "http://127.0.0.1:8000/metrics",
    no_api: NoApi = False,
    reports: Reports = Path("reports"),
    textfile: Textfile = Path("reports/metrics.prom"),
    seconds: Seconds = 60.0,
    once: Once = False,
    parent: Parent = None,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Publish figures of API and reports to CloudWatch and the textfile, until SIGTERM."""
    if not url.startswith(("http://", "https://")):
        raise NoWebAddress
    publisher = Publisher(None if no_api else url, reports, textfile, load_settings(params))
    with json_log(), terminable():
        if once:
            if not no_api:
                publisher.look()
                rest(seconds, parent)
            publisher.publish()
            return
        while True:
            started = time.monotonic()
            publisher.publish()
            rest(max(0.0, seconds - (time.monotonic() - started)), parent)


@contextmanager
def metrics_published(url: str, params: Path = DEFAULT_PARAMS_PATH) -> Iterator[None]:
    """Have a process of its own publish while the block runs; it is started again where it dies."""
    command = companion_command("publish_metrics", {"--url": url, "--params": params})
    with accompanied("metrics-publisher", command):
        yield


class Publisher:
    """Remembers the last scrape, from which the next one tells increases."""

    def __init__(self, url: str | None, reports: Path, textfile: Path, settings: Settings) -> None:
        self._url = url
        self._reports = reports
        self._textfile = textfile
        self._settings = settings
        self._before: Scrape | None = None

    def look(self) -> None:
        """Scrape, and publish nothing yet."""
        self._before = self._scrape() or self._before

    def publish(self) -> None:
        """Write the textfile, ask the API and send what it says."""
        self._write_textfile()
        if self._url is None:
            return
        from creditrisk.observability.api_figures import api_figures, api_is_down
        from creditrisk.observability.cloudwatch import publish

        dimensions = self._settings.figure_dimensions
        scrape = self._scrape()
        target = self._settings.monitoring.cloudwatch
        if scrape is None:
            publish([api_is_down(datetime.now(UTC), dimensions)], target)
            return
        publish(api_figures(scrape, self._before, dimensions), target)
        self._before = scrape

    def _write_textfile(self) -> None:
        """Tell what the reports say; a disk that is full stops no later publication."""
        from creditrisk.monitoring.textfile import write_textfile

        try:
            unreadable = write_textfile(self._reports, self._textfile, datetime.now(UTC))
        except OSError as error:
            _logger().warning("textfile not written", extra={"fields": {"reason": str(error)}})
            return
        if unreadable:
            _logger().warning("unreadable reports", extra={"fields": {"reports": unreadable}})

    def _scrape(self) -> Scrape | None:
        """What the API says now, None where it does not answer as it should."""
        from creditrisk.observability.exposition import Scrape

        key = os.environ.get(KEY_VARIABLE)
        headers = {"X-API-Key": key} if key else {}
        try:
            request = urllib.request.Request(self._url or "", headers=headers)  # noqa: S310 - checked
            with urllib.request.urlopen(request, timeout=_SCRAPE_SECONDS) as answer:  # noqa: S310
                return Scrape.of(answer.read().decode(), datetime.now(UTC))
        except (OSError, HTTPException, ValueError) as error:
            status = getattr(error, "code", None)
            fields = {"reason": type(error).__name__, "status": status}
            _logger().warning("the API gave no metrics", extra={"fields": fields})
            return None


def _logger() -> logging.Logger:
    return logging.getLogger("creditrisk.publish_metrics")


if __name__ == "__main__":
    run(main)
