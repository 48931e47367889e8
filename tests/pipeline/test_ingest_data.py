"""`ingest_data` as a process: exit codes, kills, rivals, full disks, secrets."""

from __future__ import annotations

import gzip
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from creditrisk.contracts.tables import RAW_FILES, raw_tables
from creditrisk.core.settings import IngestSettings, ResourceSettings
from creditrisk.data.ingestion import Folders, ingest
from creditrisk.data.sources.errors import StorageFailed
from creditrisk.pipelines import ingest_data
from creditrisk.pipelines.command import run

CELLS = {"integer": "1", "real": "1.5", "category": "x"}
SECRETS = ("reader", "pass-word", "abc-123")
SUMMARY = "reports/ingestion_summary.json"


def csv_text(name: str, rows: int) -> str:
    columns = raw_tables()[RAW_FILES[name]].columns
    header = ",".join(column.name for column in columns)
    line = ",".join(CELLS[column.type] for column in columns)
    return "\n".join([header, *[line] * rows]) + "\n"


def portfolio(folder: Path, rows: int) -> Path:
    folder.mkdir(parents=True)
    for name in RAW_FILES:
        (folder / name).write_text(csv_text(name, rows))
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@dataclass(frozen=True)
class Project:
    """A folder with params.yaml in which the stage runs."""

    folder: Path

    @property
    def raw(self) -> Path:
        """Where the raw files go."""
        return self.folder / "data/raw"

    def start(self, source: object, *flags: str, **options: Any) -> subprocess.Popen[str]:
        """Start the stage."""
        words = [sys.executable, "-m", "creditrisk.pipelines.ingest_data", "--threads", "1"]
        return subprocess.Popen(
            [*words, "--source", str(source), *flags],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, source: object, *flags: str, **options: Any) -> tuple[int, str]:
        """Run the stage to its end: exit code, and everything that it said."""
        process = self.start(source, *flags, **options)
        out, error = process.communicate(timeout=60)
        return process.returncode, out + error

    def arriving(self, name: str) -> list[Path]:
        """The file of that name that is being downloaded, if there is one."""
        return list(self.folder.glob(f"data/.raw.part/downloads/*/{name}"))

    def leftovers(self) -> list[str]:
        """What lies beside data/raw and data/truth and should not."""
        return sorted({path.name for path in (self.folder / "data").iterdir()} - {"raw", "truth"})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project that holds an older portfolio of five rows a table."""
    made = Project(tmp_path / "project")
    portfolio(made.raw, rows=5)
    (made.folder / "params.yaml").write_text("ingest: {backoff_seconds: 0, retries: 1}\n")
    return made


@dataclass
class Gate:
    """A web server of raw files; bureau.csv stops half-way until the gate is opened."""

    url: str
    folder: Path
    opened: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)
    ranges: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    def __init__(self, gate: Gate, *arguments: Any) -> None:
        self.gate = gate
        super().__init__(*arguments)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Size and tag."""
        self._start()

    def do_GET(self) -> None:
        """The file from an offset on."""
        body = self._start()
        if "bureau.csv" not in self.path:
            self.wfile.write(body)
            return
        self.gate.ranges.append(self.headers.get("Range", ""))
        self.wfile.write(body[: len(body) // 2])
        self.gate.reached.set()
        self.gate.opened.wait(30)
        self.wfile.write(body[len(body) // 2 :])

    def _start(self) -> bytes:
        path = self.gate.folder / self.path.partition("?")[0].rpartition("/")[2]
        if not path.exists():
            self.send_error(404)
            return b""
        offset = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        body = path.read_bytes()[offset:]
        self.send_response(206 if offset else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"1"')
        self.end_headers()
        return body


class QuietServer(ThreadingHTTPServer):
    """Does not print when a client hangs up."""

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A server of a newer portfolio of three thousand rows a table."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = Gate("", portfolio(tmp_path / "served", rows=3_000))
    server = QuietServer(("127.0.0.1", 0), partial(Handler, served))
    served.url = f"http://127.0.0.1:{server.server_port}/raw"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield served
    served.opened.set()
    server.shutdown()
    server.server_close()
    thread.join()


def wait_until_half(process: subprocess.Popen[str], project: Project, gate: Gate) -> None:
    assert gate.reached.wait(30), process.communicate(timeout=5)
    deadline = time.monotonic() + 30
    while not any(path.stat().st_size for path in project.arriving("bureau.csv")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_kill_in_the_middle_leaves_the_old_files(project: Project, gate: Gate) -> None:
    """Killed half-way, nothing has changed; the next run asks only for the rest, and cleans up."""
    before = contents(project.raw)
    process = project.start(gate.url)
    wait_until_half(process, project, gate)
    process.kill()
    assert process.wait(10) == -signal.SIGKILL
    process.communicate()
    assert contents(project.raw) == before
    assert not (project.folder / SUMMARY).exists()
    gate.opened.set()
    assert project.run(gate.url) == (0, "")
    assert contents(project.raw) == contents(gate.folder)
    assert gate.ranges[0] == ""
    assert gate.ranges[1].startswith("bytes=")
    assert project.leftovers() == []


def test_of_two_at_once_one_wins(project: Project, gate: Gate) -> None:
    """The second is refused at once and disturbs nothing."""
    first = project.start(gate.url)
    wait_until_half(first, project, gate)
    code, said = project.run(gate.folder)
    assert code == 1
    assert said.startswith("data/raw is being written by another ingest_data")
    gate.opened.set()
    assert first.wait(30) == 0
    first.communicate()
    assert contents(project.raw) == contents(gate.folder)
    assert project.leftovers() == []


def test_ctrl_c_keeps_what_was_downloaded(project: Project, gate: Gate) -> None:
    """A person who interrupts does not pay twice; the old files stay as after a kill."""
    before = contents(project.raw)
    process = project.start(gate.url)
    wait_until_half(process, project, gate)
    process.send_signal(signal.SIGINT)
    gate.opened.set()
    assert process.wait(30) != 0
    process.communicate()
    assert contents(project.raw) == before
    assert project.leftovers() == [".raw.part"]


def test_secrets_are_nowhere(project: Project, gate: Gate) -> None:
    """User, password and signature enter neither the summary nor what the stage says."""
    gate.opened.set()
    address = gate.url.replace("http://", "http://reader:pass-word@") + "?signature=abc-123"
    code, said = project.run(address)
    summary = (project.folder / SUMMARY).read_text()
    assert (code, said) == (0, "")
    assert f"{gate.url}/bureau.csv" in summary
    (gate.folder / "bureau.csv").write_text("wrong\n")
    code, said = project.run(address)
    assert (code, said.count("\n")) == (1, 1)
    assert f"{gate.url}/bureau.csv refused as table bureau: missing column" in said
    assert not any(secret in said + summary for secret in SECRETS)


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("carrier-pigeon://raw", 2, "carrier-pigeon://raw cannot be a source"),
        ("https://host/${NOT_SET_ANYWHERE}", 2, "NOT_SET_ANYWHERE"),
        ("bureau.csv", 2, "a folder or a zip of all raw files"),
        ("nowhere", 1, "bureau.csv, bureau_balance.csv"),
    ],
)
def test_refusals_are_one_sentence_and_an_exit_code(
    project: Project,
    source: str,
    code: int,
    words: str,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """2 for what can never work, 1 for what is not there; never a stack trace."""
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr(sys, "argv", ["ingest_data", "--source", source])
    with pytest.raises(SystemExit) as ended:
        run(ingest_data.main)
    said = capfd.readouterr().err
    assert ended.value.code == code
    assert words in said
    assert said.count("\n") == 1


@contextmanager
def small_disk(project: Project) -> Iterator[dict[str, Any]]:
    """Put `data` on a disk of one megabyte; without the right to mount, limit each file's size."""
    data = project.folder / "data"
    kept = contents(project.raw)
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(data)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        yield {"preexec_fn": partial(resource.setrlimit, resource.RLIMIT_FSIZE, (100_000,) * 2)}
        return
    try:
        project.raw.mkdir()
        for name, text in kept.items():
            (project.raw / name).write_text(text)
        yield {}
    finally:
        subprocess.run(["umount", str(data)], check=True)  # noqa: S607


def test_a_disk_that_fills_up_keeps_the_old_files(project: Project, tmp_path: Path) -> None:
    """A gz does not tell its size, so the disk is full in the middle: one sentence, no traces."""
    source = portfolio(tmp_path / "source", rows=20_000)
    for path in list(source.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    before = contents(project.raw)
    with small_disk(project) as options:
        code, said = project.run(source, **options)
        assert contents(project.raw) == before
        assert project.leftovers() == []
    assert (code, said.count("\n")) == (1, 1)
    assert "No space left for data/raw" in said or "File too large" in said
    assert "The files of the last good run are unchanged." in said


def test_a_disk_without_room_for_a_generated_portfolio(project: Project) -> None:
    """The generator's workers meet the same end in the same words."""
    params = project.folder / "params.yaml"
    params.write_text("ingest: {synthetic: {applicants: 500}}\n")
    before = contents(project.raw)
    with small_disk(project) as options:
        code, said = project.run("synthetic", **options)
        assert contents(project.raw) == before
        assert project.leftovers() == []
    assert (code, said.count("\n")) == (1, 1)
    assert "No space left for data/raw" in said or "File too large" in said


def test_known_sizes_are_compared_with_the_free_space_first(
    project: Project, tmp_path: Path
) -> None:
    """What cannot fit is refused with both figures, before a byte is written."""
    source = portfolio(tmp_path / "source", rows=5)
    with (source / "bureau.csv").open("ab") as stream:
        stream.truncate(1 << 43)
    code, said = project.run(source)
    assert code == 1
    assert "bytes are free, 8,796,093,0" in said


@contextmanager
def without_privileges() -> Iterator[None]:
    """Run as nobody where the tests run as root, to whom nothing is forbidden."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_that_may_not_be_read_is_named() -> None:
    """The operating system's refusal becomes a sentence with the path."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        source = portfolio(folder / "source", rows=1)
        take_in(source, folder)
        (source / "bureau.csv").chmod(0)
        with (
            without_privileges(),
            pytest.raises(StorageFailed, match="Permission denied") as caught,
        ):
            take_in(source, folder / "other")
    assert str(source / "bureau.csv") in str(caught.value)


def take_in(source: Path, folder: Path) -> None:
    settings = IngestSettings(source=str(source))
    summary = folder / "summary.json"
    ingest(settings, ResourceSettings(), Folders(folder / "raw", folder / "truth", summary))
