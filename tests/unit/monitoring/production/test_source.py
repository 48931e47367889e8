from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from production_pulls import SETTINGS, production_rows, saved
from simulated_lending import FEATURES

from creditrisk.core.errors import MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.data.sources.errors import NotAtSource, SourceFailed, UnusableSource
from creditrisk.monitoring.production.errors import NotAPull
from creditrisk.monitoring.production.pull import Pull
from creditrisk.monitoring.production.source import open_pull

APPLICATIONS = "application_test.csv"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address under which its files are served."""
    folder = tmp_path / "web"
    folder.mkdir()
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def opened(current: str | Path, work: Path, **options: str) -> Pull:
    """The pull that is named so."""
    folder = work / "work"
    folder.mkdir(exist_ok=True)
    return open_pull(str(current), FEATURES, SETTINGS, folder, **options)


def test_a_feature_table_is_known_by_its_content(tmp_path: Path) -> None:
    """The hash of a window is that of the file, whatever its name."""
    one = saved(production_rows(20), tmp_path / "one.parquet")
    other = Path(shutil.copy(one, tmp_path / "other.parquet"))
    windows = [opened(path, tmp_path).window for path in (one, other)]
    assert windows[0].sha256 == windows[1].sha256 == sha256_of(one)
    assert (windows[0].kind, windows[0].rows) == ("features", 20)
    assert windows[1].files == {"other.parquet": sha256_of(one)}


def test_a_raw_folder_and_its_file_are_one_window(generated_pull: Path, tmp_path: Path) -> None:
    """Whoever names the file of applications means the histories beside it."""
    folder, file = opened(generated_pull, tmp_path), opened(generated_pull / APPLICATIONS, tmp_path)
    assert folder.window.sha256 == file.window.sha256
    assert (folder.window.kind, folder.window.rows, len(folder.window.files)) == (
        "applications",
        300,
        7,
    )


def test_the_file_of_the_applicants_can_be_named(generated_pull: Path, tmp_path: Path) -> None:
    """A folder may hold it under another name; the content decides which window it is."""
    folder = shutil.copytree(generated_pull, tmp_path / "raw")
    (folder / APPLICATIONS).rename(folder / "may.csv")
    named = opened(folder, tmp_path, applications="may.csv")
    assert named.window.sha256 == opened(generated_pull, tmp_path).window.sha256
    with pytest.raises(MissingFile, match=APPLICATIONS):
        opened(folder, tmp_path)


def test_a_feature_table_comes_from_an_address(web: tuple[Path, str], tmp_path: Path) -> None:
    """The same table gives the same window from there; the address is shown without its query."""
    folder, address = web
    path = saved(production_rows(20), folder / "pull.csv")
    pull = opened(f"{address}/pull.csv?signature=secret", tmp_path)
    assert pull.window.sha256 == sha256_of(path)
    assert pull.window.shown == f"{address}/pull.csv"


def test_raw_files_come_from_an_address(
    web: tuple[Path, str], generated_pull: Path, tmp_path: Path
) -> None:
    """The file's histories are looked for beside it, and so are those of a folder."""
    folder, address = web
    shutil.copytree(generated_pull, folder / "month")
    (folder / "month/bureau_balance.csv").unlink()
    pulls = [
        opened(f"{address}/{name}", tmp_path / part)
        for name, part in ((f"month/{APPLICATIONS}", "file"), ("month", "folder"))
        if not (tmp_path / part).mkdir()  # type: ignore[func-returns-value]
    ]
    assert pulls[0].window.sha256 == pulls[1].window.sha256
    assert {one.what for one in pulls[0].not_measured} == {"bureau_balance.csv"}


def test_what_is_not_there_is_refused(web: tuple[Path, str], tmp_path: Path) -> None:
    """By name: a path, an address that knows no such file, a folder without applications."""
    with pytest.raises(MissingFile, match="Check --current"):
        opened(tmp_path / "none.parquet", tmp_path)
    with pytest.raises(SourceFailed, match=r"none\.csv could not be fetched"):
        opened(f"{web[1]}/none.csv", tmp_path)
    with pytest.raises(NotAtSource, match=APPLICATIONS):
        opened(f"{web[1]}/none", tmp_path)
    with pytest.raises(MissingFile, match=APPLICATIONS):
        opened(tmp_path, tmp_path)


def test_an_address_that_nobody_answers_is_refused(tmp_path: Path) -> None:
    """Port 9 discards; a scheme that nobody knows is misuse."""
    with pytest.raises(SourceFailed):
        opened("http://127.0.0.1:9/pull.csv", tmp_path)
    with pytest.raises(UnusableSource, match="gopher"):
        opened("gopher://host/pull.csv", tmp_path)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    """None of its columns is of any use."""
    path = tmp_path / "shoes.csv"
    path.write_text("SHOE_SIZE,COLOUR\n44,black\n")
    with pytest.raises(NotAPull, match="SHOE_SIZE, COLOUR"):
        opened(path, tmp_path)
