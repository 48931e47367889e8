"""A small sealed model, and a real server process on it, for the tests beside this file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS / place) for place in ("model", "api", "unit/serve/security")]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api_server import ApiServer


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sealed bundle; tests only read it."""
    from simulated_lending import sealed

    return sealed(tmp_path_factory.mktemp("bundle")).folder


@pytest.fixture(scope="module")
def server(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server process with a ledger of its own, for all tests of a module."""
    from api_server import running

    with running(tmp_path_factory.mktemp("server"), "--bundle", str(bundle)) as api:
        yield api
