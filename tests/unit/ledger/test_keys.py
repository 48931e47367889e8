from __future__ import annotations

import hmac
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from creditrisk.ledger.errors import InvalidLedgerKey
from creditrisk.ledger.keys import ENVIRONMENT_VARIABLE, KEY_VARIABLE, LedgerKey, resolve_key

SECRET = "s" * 32


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)


def resolved(
    folder: Path, secret: str | None = None, *, local: bool = True, make: bool = True
) -> LedgerKey:
    """The key that a ledger in that folder would use."""
    return resolve_key(secret, folder, demonstration_allowed=local, make=make)


def test_the_environment_s_secret_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret of the environment is used, without white space, and nothing is written."""
    monkeypatch.setenv(KEY_VARIABLE, f"{SECRET}\n")
    assert resolved(tmp_path) == LedgerKey(SECRET.encode(), "secret")
    assert not list(tmp_path.iterdir())


def test_a_key_signs_by_hmac(tmp_path: Path) -> None:
    """Whoever has the key can check a signature with any tool; the second is as good as the first."""
    key = resolved(tmp_path, SECRET)
    for message in (b"", b"head"):
        assert key.sign(message) == hmac.new(SECRET.encode(), message, "sha256").hexdigest()


@pytest.mark.parametrize("secret", ["", "s" * 31])
def test_a_weak_key_is_refused(tmp_path: Path, secret: str) -> None:
    """A key has at least 32 bytes; the message does not show it."""
    with pytest.raises(InvalidLedgerKey, match="32") as refusal:
        resolved(tmp_path, secret)
    assert "sss" not in str(refusal.value)


def test_a_demonstration_key_is_made_once(tmp_path: Path) -> None:
    """Without a secret a labelled key is made that only its owner may read."""
    first, second = resolved(tmp_path), resolved(tmp_path)
    path = tmp_path / "demonstration.key"
    assert first == second
    assert first.kind == "demonstration"
    assert "can forge" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_processes_that_make_a_key_at_once_agree(tmp_path: Path) -> None:
    """The first key that stands is everyone's."""
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: resolved(tmp_path), range(32)))
    assert len(set(keys)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["demonstration.key"]


def test_production_requires_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In production there is no demonstration key, not even where one lies about."""
    resolved(tmp_path)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "production")
    with pytest.raises(InvalidLedgerKey, match="production"):
        resolved(tmp_path)


def test_a_server_s_database_requires_a_secret(tmp_path: Path) -> None:
    """A database that others share is no demonstration."""
    with pytest.raises(InvalidLedgerKey, match="no local file"):
        resolved(tmp_path, local=False)


def test_looking_makes_no_key(tmp_path: Path) -> None:
    """A reader who has no key is told so; a new key would condemn every entry."""
    with pytest.raises(InvalidLedgerKey, match="does not exist"):
        resolved(tmp_path, make=False)
    assert not list(tmp_path.iterdir())


def test_a_key_does_not_show_itself() -> None:
    """A key that is printed by mistake shows no secret."""
    key = LedgerKey(SECRET.encode(), "secret")
    assert SECRET not in repr(key)
    assert SECRET not in key.fingerprint
