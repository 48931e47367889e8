"""A small DVC project, its clean clones, a folder and a store as remotes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from creditrisk.remotes.address import RemoteAddress
from creditrisk.remotes.session import Checkout

sys.path.insert(0, str(Path(__file__).parent))  # signed_store.py

from signed_store import Store, signed_store

STAGE = """\
stages:
  make:
    cmd: mkdir -p rows && echo one > rows/a.csv && echo two > rows/b.csv && echo three > summary.json
    outs: [rows, summary.json]
"""


@pytest.fixture(autouse=True)
def plain_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No keys and no DVC settings of whoever runs the tests; where DVC keeps its notes."""
    notes = tmp_path_factory.mktemp("notes")
    empty = notes / "empty"
    empty.touch()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            patch.delenv(name, raising=False)
        for name in ("DVC_REMOTE_URL", "DVC_REMOTE_CREDENTIALS"):
            patch.delenv(name, raising=False)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(name, str(empty))
        for name in ("DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"):
            patch.setenv(name, str(notes / name.lower()))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield notes


def initialised(folder: Path) -> Path:
    from dvc.repo import Repo

    folder.mkdir(parents=True)
    Repo.init(str(folder), no_scm=True).close()
    (folder / "dvc.yaml").write_text(STAGE)
    return folder


@pytest.fixture(scope="session")
def finished_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose one stage has run."""
    from dvc.repo import Repo

    folder = initialised(tmp_path_factory.mktemp("template") / "project")
    with Repo(str(folder)) as repo:
        assert repo.reproduce(all_pipelines=True)
    return folder


@pytest.fixture
def project(finished_template: Path, tmp_path: Path) -> Checkout:
    """A finished project, of this test alone."""
    return Checkout(Path(shutil.copytree(finished_template, tmp_path / "project", symlinks=True)))


@pytest.fixture
def clone(project: Checkout, tmp_path: Path) -> Callable[[], Checkout]:
    """Make a clean clone: what git would hold, and an empty cache."""

    def make() -> Checkout:
        folder = initialised(tmp_path / "clones" / str(len(list(tmp_path.glob("clones/*")))))
        shutil.copy(project.project / "dvc.lock", folder)
        if (project.project / project.pointer).exists():
            (folder / "snapshots").mkdir()
            shutil.copy(project.project / project.pointer, folder / project.pointer)
        return Checkout(folder)

    return make


@pytest.fixture
def folder_remote(tmp_path: Path) -> RemoteAddress:
    """A folder that is there and empty."""
    (tmp_path / "remote").mkdir()
    return RemoteAddress.of_environment({"DVC_REMOTE_URL": str(tmp_path / "remote")})


@pytest.fixture(scope="module")
def s3() -> Iterator[Store]:
    """A store for the tests of one module."""
    with signed_store() as store:
        yield store
