"""`creditrisk remote` says what it did, or why not, and exits accordingly."""

from __future__ import annotations

from pathlib import Path

import pytest

from creditrisk.pipelines.command import run
from creditrisk.pipelines.remote import main


def exit_code(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["creditrisk remote", *words])
    with pytest.raises(SystemExit) as ended:
        run(main)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("way", ["push", "pull"])
def test_without_a_remote_it_is_misuse(
    way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, with the variable that is missing and what it may hold."""
    monkeypatch.delenv("DVC_REMOTE_URL", raising=False)
    assert exit_code(monkeypatch, way) == 2
    assert "DVC_REMOTE_URL is not set" in capsys.readouterr().err


def test_a_place_that_is_no_project_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1, with DVC's reason."""
    monkeypatch.setenv("DVC_REMOTE_URL", str(tmp_path))
    monkeypatch.delenv("DVC_REMOTE_CREDENTIALS", raising=False)
    assert exit_code(monkeypatch, "push", "--project", str(tmp_path)) == 1
    assert "failed: NotDvcRepoError" in capsys.readouterr().err
