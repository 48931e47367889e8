"""The drills themselves: what they check would be found, and the same seed plays the same nights."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "unit/observability")]


@pytest.fixture
def source(tmp_path: Path) -> Iterator[object]:
    from source_server import source_server

    (tmp_path / "bureau.csv").write_bytes(b"0123456789")
    with source_server(tmp_path) as source:
        yield source


def fetched(source: object, **headers: str) -> bytes:
    """What the source serves of its file, asked as a night asks: through a proxy."""
    connection = urllib.request.ProxyHandler({"http": source.url})  # type: ignore[attr-defined]
    opener = urllib.request.build_opener(connection)
    request = urllib.request.Request("http://source.drill/bureau.csv", headers=headers)
    with opener.open(request, timeout=30) as answer:
        content: bytes = answer.read()
        return content


def test_every_kind_is_drawn_as_often_as_the_others() -> None:
    """Two hundred nights have each kind 25 times, ten the first ten of these."""
    from drill import kinds
    from faults import FAULTS

    drawn = kinds(200, seed=1)
    assert set(Counter(drawn).values()) == {25}
    assert set(drawn) == set(FAULTS)
    assert kinds(10, seed=1) == drawn[:10]


def test_the_source_serves_ranges(source: object) -> None:
    """A download that goes on where it broke gets the rest."""
    assert fetched(source) == b"0123456789"
    assert fetched(source, Range="bytes=4-6") == b"456"


def test_a_source_that_is_down_for_a_while_comes_back(source: object) -> None:
    """So many requests are refused as were drawn."""
    source.refusals = 1  # type: ignore[attr-defined]
    with pytest.raises(urllib.error.HTTPError, match="503"):
        fetched(source)
    assert fetched(source) == b"0123456789"


def test_a_cut_connection_ends_early(source: object) -> None:
    """Less arrives than was promised."""
    from http.client import IncompleteRead

    source.cut_after = ("bureau.csv", 4)  # type: ignore[attr-defined]
    with pytest.raises(IncompleteRead):
        fetched(source)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("reports/nightly.json", '{"status": "succ'),
        ("reports/unknown.json", "{"),
        ("data/splits/train.parquet", "PAR1"),
        ("models/credit_risk_pd/model.txt", "tree"),
        ("data/raw/.bureau.csv.x.part", ""),
    ],
)
def test_what_is_half_written_is_found(tmp_path: Path, path: str, content: str) -> None:
    """A damaged report, table or bundle is named, and so is what a kill left among tracked files."""
    target = tmp_path / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content)
    process = subprocess.run(
        [sys.executable, str(HERE / "soundness.py"), "--finished"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    named = path if path.startswith(("reports", "data")) else "models/credit_risk_pd"
    assert process.returncode == 1
    assert f"{named}: " in process.stdout


def test_a_disk_takes_no_more_than_was_drawn(tmp_path: Path) -> None:
    """A small disk refuses what is beyond its room, and its content is there afterwards."""
    from faults import small_disk

    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "before").write_text("kept")
    with small_disk(folder, 100_000) as mounted:
        if mounted:  # else a drill limits the sizes of files, and the folder is as it was
            with pytest.raises(OSError, match="No space"):
                (folder / "large").write_bytes(bytes(1_000_000))
    assert (folder / "before").read_text() == "kept"


def test_a_refused_connection_is_refused() -> None:
    """A port that is bound and not listened on refuses, as MLflow's does in its fault."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(taken.getsockname(), timeout=30)
