"""Watch the registry and fetch what the API serves: the champion, and the challenger for shadows.

A process of its own, so that the API never loads MLflow. Through an outage of the registry the API
keeps what it serves; the watch looks less often until the registry answers again.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditrisk.core.settings import DEFAULT_PARAMS_PATH, Settings, load_settings
from creditrisk.pipelines.command import run
from creditrisk.pipelines.companions import accompanied, companion_command
from creditrisk.pipelines.long_running import json_log, rest, terminable

if TYPE_CHECKING:
    from creditrisk.mlops.served import ServedAlias
    from creditrisk.mlops.watching import RegistryWatch, Sighting

SERVED = Path("models/served")

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
    with accompanied("registry-watch", command):
        yield


def watch_command(served: Path, params: Path = DEFAULT_PARAMS_PATH) -> list[str]:
    """The command that watches for as long as the process that starts it lives."""
    return companion_command("watch_registry", {"--served": served, "--params": params})


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
