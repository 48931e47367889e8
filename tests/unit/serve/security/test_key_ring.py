from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from credentials_made import Clock, key_in

from creditrisk.core.settings import RateLimitSettings
from creditrisk.serve.security import keys
from creditrisk.serve.security.callers import Scope
from creditrisk.serve.security.errors import UnusableKeyFile
from creditrisk.serve.security.key_ring import GRACE_SECONDS, LOOK_SECONDS, KeyRing
from creditrisk.serve.security.keys import KeyFile
from creditrisk.serve.security.limits import Rate
from creditrisk.serve.security.refusals import CredentialsUnavailable, Unauthenticated


class Held:
    """A file of one key, and the ring that knows it."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path, self.clock = path, clock
        self.key = key_in(path, Scope.PREDICT, Scope.AUDIT)
        self.ring = KeyRing(path, workers=2, clock=clock)

    def later(self, seconds: float = LOOK_SECONDS) -> KeyRing:
        """The ring after some time."""
        self.clock.move(seconds)
        return self.ring


@pytest.fixture
def held(tmp_path: Path, clock: Clock) -> Held:
    return Held(tmp_path / "keys.json", clock)


def test_a_key_stands_for_its_caller(held: Held) -> None:
    """Name and scopes are the file's; the identity is the key's id, for the limits."""
    caller = held.ring.caller(held.key)
    assert (caller.name, caller.scopes) == ("lender", {Scope.PREDICT, Scope.AUDIT})
    assert caller.identity == f"key:{keys.id_of(held.key)}"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: key[:-1],
        lambda key: key + "A",
        lambda key: key.upper(),
        lambda key: f"crk_000000000000_{key.split('_', 2)[2]}",
        lambda _key: "crk_",
        lambda _key: "",
    ],
)
def test_a_wrong_key_is_nobody_s(held: Held, wrong: object) -> None:
    """A key is right to the last character or it is not known; the refusal does not repeat it."""
    attempt = wrong(held.key)  # type: ignore[operator]
    with pytest.raises(Unauthenticated, match="not known") as refusal:
        held.ring.caller(attempt)
    assert not attempt or attempt not in str(refusal.value)


def test_a_revocation_works_without_a_restart(held: Held) -> None:
    """The next look at the file shuts the caller out, and says since when."""
    keys.revoke(held.path, keys.id_of(held.key) or "")
    assert held.ring.caller(held.key)
    with pytest.raises(Unauthenticated, match="revoked on"):
        held.later().caller(held.key)


def test_a_new_key_works_without_a_restart(held: Held) -> None:
    """The next look at the file lets its caller in."""
    key = key_in(held.path, name="other")
    with pytest.raises(Unauthenticated):
        held.ring.caller(key)
    assert held.later().caller(key).name == "other"


def test_a_key_expires_while_the_api_runs(held: Held) -> None:
    """An end that passes needs no change of the file."""
    ended = datetime.now(UTC) - timedelta(seconds=1)
    stored = KeyFile.load(held.path).keys[0].model_copy(update={"expires_at": ended})
    held.path.write_text(KeyFile(keys=(stored,)).model_dump_json())
    with pytest.raises(Unauthenticated, match="expired on"):
        held.later().caller(held.key)


def test_a_key_s_own_limit_is_shared_by_the_workers(held: Held) -> None:
    """Each of two workers grants half of it."""
    limit = RateLimitSettings(requests_per_second=5, burst=7)
    key = key_in(held.path, rate_limit=limit)
    assert held.later().caller(key).rate == Rate(2.5, 4)
    assert held.ring.caller(held.key).rate is None


def broken(path: Path) -> None:
    path.write_text("{")


def gone(path: Path) -> None:
    path.unlink()


def writable(path: Path) -> None:
    path.chmod(0o666)


@pytest.mark.parametrize("damage", [broken, gone, writable])
def test_keys_that_cannot_be_read_open_nothing_in_the_end(
    held: Held, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    """The old keys serve for some seconds, with an error in the log; then none does."""
    damage(held.path)  # type: ignore[operator]
    assert held.later().caller(held.key)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    with pytest.raises(CredentialsUnavailable):
        held.later(GRACE_SECONDS).caller(held.key)
    assert held.ring.problem() == "the file of API keys cannot be read"


@pytest.mark.parametrize("damage", [broken, gone, writable])
def test_keys_that_are_whole_again_open_again(held: Held, damage: object) -> None:
    """A repaired file ends the emergency at the next look."""
    content = held.path.read_bytes()
    damage(held.path)  # type: ignore[operator]
    held.later()._look()
    held.later(GRACE_SECONDS)._look()
    held.path.write_bytes(content)
    held.path.chmod(0o600)
    assert held.later().caller(held.key)
    assert held.ring.problem() is None


def test_the_file_is_looked_at_twice_a_second_at_most(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request costs no look at the disk."""
    looks: list[Path] = []
    monkeypatch.setattr("creditrisk.serve.security.key_ring._version", looks.append)
    for _ in range(100):
        held.ring.caller(held.key)
        held.clock.move(LOOK_SECONDS / 100)
    assert len(looks) <= 1


def test_a_request_is_let_in_within_microseconds(held: Held) -> None:
    """A right key costs less than 30 microseconds of processor time."""
    started = time.process_time()
    for _ in range(2_000):
        held.ring.caller(held.key)
    assert (time.process_time() - started) / 2_000 < 30e-6


def test_a_start_needs_a_file_that_can_be_trusted(tmp_path: Path) -> None:
    """An API that cannot know anybody does not start."""
    with pytest.raises(UnusableKeyFile):
        KeyRing(tmp_path / "missing.json")
