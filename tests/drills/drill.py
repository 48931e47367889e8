"""One drill: a night with a fault, then nights without, until all is as an undisturbed night leaves it."""

from __future__ import annotations

import fcntl
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from drill_project import Project
from faults import FAULTS, Fault, Scene
from source_server import source_server

from creditrisk.core.files import sha256_of
from creditrisk.monitoring.nightly.report import NightlyReport

HERE = Path(__file__).parent
_LOCK_SECONDS = 900.0
_SAME = (Path("dvc.lock"), Path("models/credit_risk_pd/manifest.json"))

Identity = tuple[str, ...]


@dataclass(frozen=True)
class Undisturbed:
    """What nights start from and are compared with.

    Attributes:
        project: a project after an undisturbed night, and its source beside it.
        identity: hashes of dvc.lock and of the bundle.
        seconds: how long each process of that night took.
        cloudwatch: a CloudWatch that works.
        clocked: programs whose clock a fault can move.
    """

    project: Project
    identity: Identity
    seconds: Mapping[str, float]
    cloudwatch: str
    clocked: Path | None


@dataclass(frozen=True)
class Outcome:
    """What became of one drill. `breaches` are rules that did not hold; none is required."""

    night: int
    kind: str
    shown: str
    first: str
    recovery: str
    breaches: tuple[str, ...]

    @property
    def recovered(self) -> bool:
        """Whether the same bytes came out in the end."""
        return self.recovery in {"at once", "next night", "next night, after the runbook's step"}


def identity(project: Project) -> Identity:
    """The hashes of what a night has to give again."""
    paths = [project.folder / path for path in _SAME]
    return tuple(sha256_of(path) if path.is_file() else "absent" for path in paths)


def drill(night: int, seed: int, kind: str, start: Undisturbed, folder: Path) -> Outcome:
    """Play one fault on a copy of the project."""
    random = Random(f"{seed}-{night}")  # noqa: S311  draws faults
    copy = folder / f"night{night}" / "project"
    shutil.copytree(start.project.folder, copy, symlinks=True)
    try:
        with source_server(start.project.folder.with_name("source")) as source:
            proxied = {"http_proxy": source.url, "HTTP_PROXY": source.url}
            project = Project(copy, start.project.programs, proxied)
            scene = Scene(project, source, start.seconds, start.cloudwatch, start.clocked)
            with FAULTS[kind](scene, random) as fault, unfinished_work(copy):
                process = fault.project.night()
                first = _Night.of(fault.project, process.returncode, process.stdout)
            source.recover()
            return _judged((night, kind, fault, first), project, start)
    finally:
        shutil.rmtree(copy.parent, ignore_errors=True)


@contextmanager
def unfinished_work(folder: Path) -> Iterator[None]:
    """Wait until nobody holds the night's lock any more: a killed night leaves children at work."""
    yield
    lock = folder / "reports/nightly.lock"
    deadline = time.monotonic() + _LOCK_SECONDS
    while lock.exists() and time.monotonic() < deadline:
        with lock.open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.2)
            else:
                return


@dataclass(frozen=True)
class _Night:
    """What a night left: its exit code, its report where one is to be had, and its words."""

    exit_code: int
    report: NightlyReport | None
    output: str

    @classmethod
    def of(cls, project: Project, exit_code: int, output: str) -> _Night:
        path = project.folder / "reports/nightly.json"
        return cls(exit_code, NightlyReport.read(path) if path.exists() else None, output)

    @property
    def is_green(self) -> bool:
        return self.exit_code == 0

    def breaches(self, fault: Fault) -> Iterator[str]:
        """What the night should have said and did not."""
        if fault.green is not None and fault.green != self.is_green:
            yield f"exit code {self.exit_code} with {fault.shown}"
        if self.report is None:
            if self.is_green or ("was not written" not in self.output and self.exit_code > 0):
                yield "no report of the night, and no word of it"
        elif self.exit_code >= 0 and self.is_green != (self.report.status == "succeeded"):
            yield f"exit code {self.exit_code}, report says {self.report.status}"
        if self.exit_code not in {0, 1} and self.exit_code != -9:
            yield f"exit code {self.exit_code}"

    def shown(self) -> str:
        if self.report is None:
            return "refused, no room for a report"
        if self.exit_code < 0 or self.report.status == "running":
            return "killed, report says running"
        if self.is_green:
            return "succeeded"
        return "refused: " + ", ".join(step.name for step in self.report.unfinished)


def _judged(
    played: tuple[int, str, Fault, _Night], project: Project, start: Undisturbed
) -> Outcome:
    night, kind, fault, first = played
    breaches = [*first.breaches(fault), *_unsound(project, "after the fault")]
    recovery = "at once" if first.is_green and identity(project) == start.identity else ""
    if not recovery and fault.remedy is None:
        recovery = _recovered(project, start, "next night")
    elif not recovery:
        recovery = _recovered(project, start, "next night") or _after_remedy(fault, project, start)
    if not recovery:
        recovery = "not recovered"
        breaches.append(f"not recovered: {_Night.of(project, 1, '').shown()}")
    else:
        breaches += _unsound(project, "in the end", "--finished")
    return Outcome(night, kind, fault.shown, first.shown(), recovery, tuple(breaches))


def _after_remedy(fault: Fault, project: Project, start: Undisturbed) -> str:
    if fault.remedy:
        fault.remedy()
    return _recovered(project, start, "next night, after the runbook's step")


def _recovered(project: Project, start: Undisturbed, how: str) -> str:
    """Run a night without fault; `how` where it succeeds with the same bytes, else nothing."""
    process = project.night()
    sys.stderr.write("" if process.returncode == 0 else process.stdout[-3000:])
    return how if process.returncode == 0 and identity(project) == start.identity else ""


def _unsound(project: Project, when: str, *flags: str) -> list[str]:
    process = project.command("python", str(HERE / "soundness.py"), *flags)
    if process.returncode == 0:
        return []
    return [f"{when}: {line}" for line in process.stdout.splitlines()[-5:]]


def kinds(nights: int, seed: int) -> list[str]:
    """The kinds of so many nights: each as often as the others, in a drawn order."""
    random = Random(seed)  # noqa: S311  draws faults
    drawn: list[str] = []
    while len(drawn) < nights:
        drawn += random.sample(sorted(FAULTS), len(FAULTS))
    return drawn[:nights]


class Turn:
    """Hands out the numbers of nights to the threads that play them."""

    def __init__(self, nights: int) -> None:
        self._left = iter(range(1, nights + 1))
        self._lock = threading.Lock()

    def next(self) -> int | None:
        """The next night, None where none is left."""
        with self._lock:
            return next(self._left, None)
