"""What goes wrong in a night: eight kinds of fault, each drawn from a seed."""

from __future__ import annotations

import csv
import io
import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import MappingProxyType

from cloudwatch_servers import faulty_proxy
from drill_project import Project
from source_server import SourceServer  # noqa: TC002

LARGEST_ROOM = 30_000_000
FAKETIME = "libfaketime.so.1"
_HOUR = 3600
_FILES = ("application_train.csv", "bureau.csv", "previous_application.csv")


@dataclass(frozen=True)
class Scene:
    """What a fault may touch.

    Attributes:
        project: the project of this night, a copy of its own.
        source: its source.
        seconds: how long each process of an undisturbed night took.
        cloudwatch: address of a CloudWatch that works.
        clocked: programs of a warm process whose clock `FAKETIME` moves; None without libfaketime.
    """

    project: Project
    source: SourceServer
    seconds: Mapping[str, float]
    cloudwatch: str
    clocked: Path | None


@dataclass(frozen=True)
class Fault:
    """A fault that was drawn.

    Attributes:
        shown: what was drawn.
        project: the project as the night finds it.
        green: what the night must be: True for succeeded, False for refused, None for either.
        remedy: what the runbook asks of a person before the next night, None for nothing.
    """

    shown: str
    project: Project
    green: bool | None
    remedy: Callable[[], None] | None = None


Play = Callable[[Scene, Random], AbstractContextManager[Fault]]


@contextmanager
def source_down(scene: Scene, random: Random) -> Iterator[Fault]:
    """The source answers nothing, or nothing at first."""
    refusals = random.choice((-1, -1, 1, 2))
    scene.source.refusals = refusals
    shown = "503 all night" if refusals < 0 else f"503 for {refusals} requests"
    yield Fault(shown, scene.project, green=refusals > 0)


@contextmanager
def truncated_file(scene: Scene, random: Random) -> Iterator[Fault]:
    """A file ends early, at the source or on its way."""
    name = random.choice(_FILES)
    content = (scene.source.folder / name).read_bytes()
    at = random.randrange(1, len(content) - 1)
    if random.random() < 0.5:
        scene.source.cut_after = (name, at)
        yield Fault(f"{name}: connection cut after {at} bytes", scene.project, green=False)
        return
    # A file that ends with a whole row, or within a row's last number, is another file, not a
    # broken one: only a checksum in params.yaml tells. The cut is drawn elsewhere.
    last_comma = content.rindex(b",", 0, at + 1)
    scene.source.contents[name] = content[: max(last_comma, 1)]
    yield Fault(f"{name}: ends within a row, at byte {last_comma}", scene.project, green=False)


@contextmanager
def schema_change(scene: Scene, random: Random) -> Iterator[Fault]:
    """A file has another column, lacks one, or holds other values than agreed."""
    name = random.choice(_FILES)
    text = (scene.source.folder / name).read_text(encoding="utf-8")
    header, *rows = list(csv.reader(io.StringIO(text)))
    column = random.choice([c for c in header if c.startswith(("AMT_", "NAME_", "CREDIT_", "SK_"))])
    kind = random.choice(("renamed", "dropped", "text"))
    at = header.index(column)
    if kind == "renamed":
        header[at] = f"{column}_V2"
    elif kind == "dropped":
        header, *rows = [row[:at] + row[at + 1 :] for row in [header, *rows]]
    else:
        rows[random.randrange(len(rows))][at] = "unknown to all"
    changed = io.StringIO()
    csv.writer(changed, lineterminator="\n").writerows([header, *rows])
    scene.source.contents[name] = changed.getvalue().encode()
    yield Fault(f"{name}: {column} {kind}", scene.project, green=False)


@contextmanager
def mlflow_down(scene: Scene, _random: Random) -> Iterator[Fault]:
    """MLflow's server refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else answers there
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        project = scene.project.with_variables({"MLFLOW_TRACKING_URI": address})
        yield Fault("refuses", project, green=False)


@contextmanager
def disk_full(scene: Scene, random: Random) -> Iterator[Fault]:
    """The disk takes so many bytes more; without the right to mount, a file takes so many."""
    room = int(LARGEST_ROOM * random.random() ** 2)
    folder = scene.project.folder
    with small_disk(folder, room) as mounted:
        if mounted:
            yield Fault(f"{room:,} bytes free", scene.project, None)
            return
        limit = max(room // 100, 1)
        limited = scene.project.with_variables({"DRILL_FILE_BYTES": str(limit)})
        yield Fault(f"files of {limit:,} bytes at most", limited, None)


@contextmanager
def small_disk(folder: Path, room: int) -> Iterator[bool]:
    """Keep the folder on a disk of its own with so much room; its content is back afterwards."""
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.mkdir()
    size = f"size={LARGEST_ROOM * 10}"
    mount = ["/usr/bin/env", "mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        if mounted:
            shutil.copytree(aside, folder, symlinks=True, dirs_exist_ok=True)
            _shrink(folder, room)
        else:
            folder.rmdir()
            aside.rename(folder)
        yield mounted
    finally:
        if mounted:
            shutil.rmtree(aside)
            shutil.copytree(folder, aside, symlinks=True)
            subprocess.run(["/usr/bin/env", "umount", "--lazy", str(folder)], check=True)
            folder.rmdir()
            aside.rename(folder)


def _shrink(folder: Path, room: int) -> None:
    usage = shutil.disk_usage(folder)
    size = f"remount,size={usage.used + room}"
    subprocess.run(["/usr/bin/env", "mount", "-o", size, str(folder)], check=True)


@contextmanager
def killed_process(scene: Scene, random: Random) -> Iterator[Fault]:
    """SIGKILL hits one process, a stage, DVC, a step or the night itself, at a drawn moment."""
    name = random.choice(sorted(scene.seconds))
    moment = random.random() * scene.seconds[name]
    killed = scene.project.with_variables({"DRILL_KILL": f"{name}:{moment:.3f}"})
    yield Fault(f"{name} after {moment:.1f} s", killed, None)


@contextmanager
def clock_jump(scene: Scene, random: Random) -> Iterator[Fault]:
    """The machine's clock is wrong by an hour to a year, either way."""
    hours = random.choice((-1, 1)) * int(24 * 365 ** random.random())
    variables = {"FAKETIME": f"{hours * _HOUR:+d}", "FAKETIME_NO_CACHE": "1"}
    kept = {name: scene.project.folder / "reports" / f"{name}.json" for name in _DATED}
    before = {path: path.read_bytes() for path in kept.values()}

    def remedy() -> None:
        """The runbook's: what a wrong clock wrote is moved aside, the history restored."""
        for path, content in before.items():
            path.write_bytes(content)

    clocked = Project(
        scene.project.folder,
        scene.clocked or scene.project.programs,
        {**scene.project.extra, **variables},
    )
    yield Fault(f"{hours:+,} hours", clocked, None, remedy)


_DATED = ("data_freshness", "drift_history")


@contextmanager
def cloudwatch_throttled(scene: Scene, random: Random) -> Iterator[Fault]:
    """CloudWatch throttles the first calls, few or many."""
    throttled = random.choice((1, 2, 3, 50))
    with faulty_proxy(scene.cloudwatch) as proxy:
        proxy.faults = [(400, "Throttling")] * throttled
        variables = {
            "AWS_ENDPOINT_URL_CLOUDWATCH": proxy.url,
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "drill",
            "AWS_SECRET_ACCESS_KEY": "drill",
        }
        project = scene.project.with_variables(variables)
        yield Fault(f"the first {throttled} calls", project, green=True)


FAULTS: Mapping[str, Play] = MappingProxyType(
    {
        "source down": source_down,
        "truncated file": truncated_file,
        "schema change": schema_change,
        "MLflow down": mlflow_down,
        "disk full": disk_full,
        "killed process": killed_process,
        "clock jump": clock_jump,
        "CloudWatch throttled": cloudwatch_throttled,
    }
)


def durations(path: Path) -> dict[str, float]:
    """The seconds of each process, as the warm process noted them; the longest of one name."""
    longest: dict[str, float] = {}
    for line in path.read_text().splitlines():
        name, seconds = json.loads(line)
        longest[name] = max(seconds, longest.get(name, 0.0))
    return longest
