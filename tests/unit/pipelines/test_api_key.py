from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from creditrisk.pipelines import api_key
from creditrisk.pipelines.command import run
from creditrisk.serve.security.callers import Scope
from creditrisk.serve.security.keys import KEY_FILE_VARIABLE, KeyFile


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the environment says the keys are."""
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(tmp_path / "keys.json"))
    return tmp_path / "keys.json"


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["creditrisk api-key", *arguments])
    with pytest.raises(SystemExit) as stop:
        run(api_key.main)
    return stop.value.code


def created(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str
) -> str:
    """What `create` prints on standard output."""
    assert exit_code(monkeypatch, "create", "lender", "--scope", "predict", *options) == 0
    return capsys.readouterr().out


def test_standard_output_is_the_key_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script can take the key as it comes; the file has its hash."""
    shown = created(monkeypatch, capsys)
    assert re.fullmatch(r"crk_[0-9a-f]{12}_[A-Za-z0-9_-]{43}\n", shown)
    (stored,) = KeyFile.load(path).keys
    assert stored.matches(shown.strip())


def test_options_become_the_key_s(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scopes, end and limit are kept; a limit lets through a second's worth at once."""
    options = ("--scope", "override", "--expires-days", "90", "--requests-per-second", "2.5")
    created(monkeypatch, capsys, *options)
    (stored,) = KeyFile.load(path).keys
    assert stored.scopes == (Scope.PREDICT, Scope.OVERRIDE)
    assert stored.expires_at is not None
    assert (stored.expires_at - stored.created_at).days == 90
    assert stored.rate_limit is not None
    assert stored.rate_limit.burst == 3


def test_the_list_shows_no_secret(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Id, caller, scopes and state are shown, neither key nor hash."""
    key = created(monkeypatch, capsys).strip()
    (stored,) = KeyFile.load(path).keys
    assert exit_code(monkeypatch, "list") == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in (stored.id, "lender", "predict", "valid"))
    assert key.split("_", 2)[2] not in shown
    assert stored.sha256 not in shown


def test_a_key_is_revoked_by_its_id(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list then says since when."""
    created(monkeypatch, capsys)
    key_id = KeyFile.load(path).keys[0].id
    assert exit_code(monkeypatch, "revoke", key_id) == 0
    assert KeyFile.load(path).keys[0].revoked_at is not None
    assert exit_code(monkeypatch, "list") == 0
    assert "was revoked on" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create"], "name the caller"),
        (["revoke"], "the key's id"),
        (["revoke", "000000000000"], "does not exist|cannot be read"),
        (["list"], "cannot be read"),
        (["create", "lender"], "name its scopes"),
        (["create", "lender", "--scope", "everything"], "everything"),
        (["create", "lender", "--scope", "predict", "--burst", "5"], "requests-per-second"),
    ],
)
def test_misuse_exits_2_and_makes_nothing(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    """What cannot be done is named on standard error, and no file appears."""
    assert exit_code(monkeypatch, *arguments) == 2
    message = " ".join(capsys.readouterr().err.split())
    assert any(words in message for words in said.split("|")), message
    assert not path.exists()


def test_a_file_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no default place for keys: the API and the command must mean the same one."""
    monkeypatch.delenv(KEY_FILE_VARIABLE, raising=False)
    assert exit_code(monkeypatch, "list") == 2
