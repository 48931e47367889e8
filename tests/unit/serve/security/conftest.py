"""Keys, tokens and an issuer for the tests beside this file."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from credentials_made import Clock, IssuerServer

from creditrisk.serve.security.issuer import (
    AUDIENCE_VARIABLE,
    ISSUER_VARIABLE,
    JWKS_URL_VARIABLE,
)
from creditrisk.serve.security.keys import KEY_FILE_VARIABLE


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (KEY_FILE_VARIABLE, ISSUER_VARIABLE, AUDIENCE_VARIABLE, JWKS_URL_VARIABLE):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands until it is moved."""
    return Clock()


@pytest.fixture(scope="session")
def running_issuer() -> Iterator[IssuerServer]:
    """One issuer's server for all tests."""
    with IssuerServer() as server:
        yield server


@pytest.fixture
def issuer(running_issuer: IssuerServer) -> IssuerServer:
    """The issuer in good health, with its own keys and no request counted."""
    running_issuer.reset()
    return running_issuer
