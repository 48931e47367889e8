"""Watch the registry and fetch what the API serves: the champion, and the challenger for shadows.

A process of its own, so that the API never loads MLflow. Through an outage of the registry the API
keeps what it serves; the watch looks less often until the registry answers again.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, Settings, load_settings
from creditrisk.pipelines.command import run
from creditrisk.pipelines.long_running import json_log, rest, terminable

if TYPE_CHECKING:
    from creditrisk.mlops.served import ServedAlias
    from creditrisk.mlops.watching import RegistryWatch, Sighting

SERVED = Path("models/served")
_RESTART_SECONDS = 5.0
_END_SECONDS = 10.0

Served = Annotated[Path, typer.Option(help="Folder of the served models.")]
Once = Annotated[bool, typer.Option("--once", help="Look once; exit 1 where nothing can be had.")]
Parent = Annotated[int | None, typer.Option(help="Stop when this parent process is gone.")]
Params = Annotated[Path, typer.Option(help="Settings.")]


def main(
    *,
    served: Served = SERVED,
    once: Once = False,
    parent: Parent = None,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Watch the registry and fetch what the API serves, until SIGTERM."""
    from creditrisk.mlops.watching import RegistryWatch

    settings = load_settings(params)
    watch = RegistryWatch(settings.registry.model_name, served, aliases(settings))
    with json_log():
        if once:
            _look_once(watch)
            return
        with terminable():
            while True:
                _tell(watch.look())
                rest(watch.seconds_to_next(settings.serve.watch_seconds), parent)


def aliases(settings: Settings) -> tuple[ServedAlias, ...]:
    """The aliases that the API serves by these settings."""
    shadow = settings.serve.shadow
    return ("champion",) if shadow == "none" else ("champion", shadow)


@contextmanager
def registry_watched(served: Path, params: Path = DEFAULT_PARAMS_PATH) -> Iterator[None]:
    """Have a process of its own watch while the block runs; it is started again where it dies.

    Where no champion was published yet, the first look comes before the block.
    """
    from creditrisk.mlops.served import pointer_path

    command = watch_command(served, params)
    if not pointer_path(served, "champion").exists():
        subprocess.run([*command, "--once"], check=False)  # noqa: S603 - our own command
    watcher = _Watcher(command)
    watcher.start()
    try:
        yield
    finally:
        watcher.close()


def watch_command(served: Path, params: Path = DEFAULT_PARAMS_PATH) -> list[str]:
    """The command that watches for as long as the process that starts it lives."""
    module = "creditrisk.pipelines.watch_registry"
    flags = {"--served": served, "--params": params, "--parent": os.getpid()}
    words = (str(word) for flag in flags.items() for word in flag)
    return [sys.executable, "-m", module, *words]


class _Watcher(threading.Thread):
    """Keeps a watching process alive."""

    def __init__(self, command: list[str]) -> None:
        super().__init__(name="registry-watch", daemon=True)
        self._command = command
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Start the process, and again a little after each time that it ends."""
        while (process := self._launched()) is not None:
            code = process.wait()
            if not self._closing.wait(_RESTART_SECONDS):
                fields = {"exit_code": code}
                _logger().error("the watch ended, it starts again", extra={"fields": fields})

    def close(self) -> None:
        """End the process for good."""
        self._closing.set()
        with self._lock:
            process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self.join(_END_SECONDS)

    def _launched(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._closing.is_set():
                return None
            self._process = subprocess.Popen(self._command)  # noqa: S603 - our own command
            return self._process


def _look_once(watch: RegistryWatch) -> None:
    sightings = watch.look()
    _tell(sightings)
    champion = next(found for found in sightings if found.alias == "champion")
    if champion.event not in {"published", "unchanged"} or watch.failures:
        raise typer.Exit(1)


def _tell(sightings: list[Sighting]) -> None:
    for found in sightings:
        level = logging.INFO if found.event in {"published", "unchanged"} else logging.WARNING
        fields = {
            "alias": found.alias,
            "event": found.event,
            "version": found.served.version if found.served else None,
            "bundle_sha256": found.served.bundle_sha256 if found.served else None,
            "reason": found.reason,
        }
        _logger().log(level, "%s %s", found.alias, found.event, extra={"fields": fields})


def _logger() -> logging.Logger:
    return logging.getLogger("creditrisk.watch_registry")


if __name__ == "__main__":
    run(main)
