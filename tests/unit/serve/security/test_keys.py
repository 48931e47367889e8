from __future__ import annotations

import ast
import inspect
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from credentials_made import key_in

from creditrisk.core.settings import RateLimitSettings
from creditrisk.serve.security import key_ring, keys
from creditrisk.serve.security.callers import Scope
from creditrisk.serve.security.errors import InvalidKeyRequest, UnknownKey, UnusableKeyFile
from creditrisk.serve.security.keys import KeyFile

NOW = datetime.now(UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "keys.json"


def test_a_key_has_256_random_bits() -> None:
    """A key tells its kind and id, and 43 base64 characters hold its secret."""
    made = {keys.new_key("lender", [Scope.PREDICT]).text for _ in range(100)}
    assert len(made) == 100
    prefix, key_id, secret = made.pop().split("_", 2)
    assert (prefix, len(key_id), len(secret)) == ("crk", 12, 43)


def test_only_the_hash_is_kept(path: Path) -> None:
    """Neither the key nor its secret stands in the file, which is its owner's alone."""
    text = key_in(path)
    assert text.split("_", 2)[2] not in path.read_text()
    assert keys.digest_of(text) in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_is_known_again(path: Path) -> None:
    """A stored key matches its text and no other."""
    text = key_in(path)
    (stored,) = KeyFile.load(path).keys
    assert stored.matches(text)
    assert not stored.matches(text[:-1])


@pytest.mark.parametrize("module", [keys, key_ring])
def test_hashes_are_compared_in_constant_time(module: object) -> None:
    """No digest is compared but by hmac.compare_digest."""
    tree = ast.parse(inspect.getsource(module))
    compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    assert not [node for node in compared if {"sha256", "digest_of"} & words(node)]
    assert "hmac.compare_digest(" in inspect.getsource(module)


def words(tree: ast.AST) -> set[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize(
    ("name", "scopes", "said"),
    [
        ("lender", [], "name its scopes"),
        ("lender", [Scope.OVERRIDE], "predict"),
        ("local", [Scope.PREDICT], "without keys"),
        ("oidc:lender", [Scope.PREDICT], "name"),
        ("two\nlines", [Scope.PREDICT], "name"),
        ("n" * 65, [Scope.PREDICT], "name"),
    ],
)
def test_a_key_that_helps_nobody_is_not_made(name: str, scopes: list[Scope], said: str) -> None:
    """A key opens something, and its caller's name cannot be taken for another kind of caller."""
    with pytest.raises(InvalidKeyRequest, match=said):
        keys.new_key(name, scopes)


def test_a_revoked_key_stays_in_the_list(path: Path) -> None:
    """Its name can still be looked up, and revoking again changes nothing."""
    key_in(path)
    (stored,) = KeyFile.load(path).keys
    first, second = keys.revoke(path, stored.id), keys.revoke(path, stored.id)
    assert first == second
    assert KeyFile.load(path).keys == (first,)
    assert "revoked" in (first.invalid_because(NOW) or "")
    assert not KeyFile.load(path).valid(NOW)


def test_an_unknown_id_cannot_be_revoked(path: Path) -> None:
    """A slip of the pen does not look like a revocation."""
    key_in(path)
    with pytest.raises(UnknownKey, match="000000000000"):
        keys.revoke(path, "000000000000")


def test_a_key_expires(path: Path) -> None:
    """A key with a lifetime is valid until its end."""
    key_in(path, lifetime=timedelta(days=1))
    (stored,) = KeyFile.load(path).keys
    assert stored.invalid_because(NOW) is None
    assert "expired" in (stored.invalid_because(NOW + timedelta(days=2)) or "")


def test_what_is_written_is_read_back(path: Path) -> None:
    """Scopes, limit and times survive the file."""
    limit = RateLimitSettings(requests_per_second=5, burst=7)
    new = keys.new_key("lender", list(Scope), lifetime=timedelta(days=9), rate_limit=limit)
    keys.add(path, new.stored)
    assert KeyFile.load(path).keys == (new.stored,)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_refused(path: Path, mode: int) -> None:
    """Whoever may write the file may add a key."""
    key_in(path)
    path.chmod(mode)
    with pytest.raises(UnusableKeyFile, match="chmod go-w"):
        KeyFile.load(path)


@pytest.mark.parametrize(("mode", "trusted"), [(0o777, False), (0o1777, True), (0o775, True)])
def test_a_folder_where_anybody_may_replace_files_is_refused(
    path: Path, mode: int, *, trusted: bool
) -> None:
    """A file that only its owner may write is no help where others may put theirs in its place."""
    key_in(path)
    path.parent.chmod(mode)
    if trusted:
        assert KeyFile.load(path).keys
    else:
        with pytest.raises(UnusableKeyFile, match="chmod o-w"):
            KeyFile.load(path)


def test_rights_that_were_given_to_readers_stay(path: Path) -> None:
    """A file readable for the API's user is so after the next key."""
    key_in(path)
    path.chmod(0o640)
    key_in(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[]", "object"),
        (b'{"form": "other", "keys": []}', "form"),
        (b'{"keys": [{"id": "x"}]}', "sha256"),
        (b'{"keys": [], "more": 1}', "more"),
    ],
)
def test_a_file_of_another_form_is_refused(path: Path, content: bytes, said: str) -> None:
    """What is no file of keys is named as such, never taken for an empty one."""
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(UnusableKeyFile, match=said):
        KeyFile.load(path)


def test_an_id_stands_once(path: Path) -> None:
    """Two entries of one id leave open which one is revoked, so the file is refused."""
    key_in(path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "keys": content["keys"] * 2}))
    with pytest.raises(UnusableKeyFile, match="same id"):
        KeyFile.load(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """Neither a missing file, nor a folder, nor a pipe that never answers."""
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", ".", "pipe"):
        with pytest.raises(UnusableKeyFile):
            KeyFile.load(tmp_path / name)


def test_commands_at_once_lose_no_key(path: Path) -> None:
    """Each of many keys made at the same time stands in the file."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: key_in(path, name=f"c{number}"), range(24)))
    assert {keys.id_of(text) for text in made} == {key.id for key in KeyFile.load(path).keys}


def test_a_failed_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk costs no key and leaves nothing behind."""
    key_in(path)
    before = path.read_bytes()
    monkeypatch.setattr(keys.os, "fsync", failing)
    with pytest.raises(OSError, match="disk"):
        key_in(path)
    assert path.read_bytes() == before
    assert {entry.name for entry in path.parent.iterdir()} == {path.name, f".{path.name}.lock"}


def failing(_handle: int) -> None:
    message = "no space left on the disk"
    raise OSError(message)
