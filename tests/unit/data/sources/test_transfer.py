"""A download ends with the whole object of one version, or with an error that says why."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from creditrisk.data.sources.errors import SourceFailed, UnusableSource
from creditrisk.data.sources.location import Location
from creditrisk.data.sources.source import Stopped
from creditrisk.data.sources.transfer import RetryPolicy, StartOver, download, with_retries

PLACE = Location("s3://bucket/bureau.csv")
PATIENT = RetryPolicy(3, 0)


@dataclass
class Version:
    """A remote object of ten bytes in blocks of two, with faults: an exception at an offset."""

    faults: dict[int, Exception]
    content: bytes = b"0123456789"
    size: int | None = 10
    tag: str | None = "v1"

    def blocks(self, offset: int) -> Iterator[bytes]:
        """Two bytes at a time, or the fault that waits at an offset, once."""
        while offset < len(self.content):
            if offset in self.faults:
                raise self.faults.pop(offset)
            yield self.content[offset : offset + 2]
            offset += 2


def fetched(remote: Version, folder: Path, policy: RetryPolicy = PATIENT) -> bytes:
    download(PLACE, lambda: remote, folder / "it", policy, lambda _: None)
    return (folder / "it").read_bytes()


class ClientPayloadError(Exception):
    """Named as aiohttp's."""


@pytest.mark.parametrize(
    "error", [ConnectionResetError("reset"), TimeoutError("late"), ClientPayloadError("cut")]
)
def test_a_broken_connection_is_resumed(tmp_path: Path, error: Exception) -> None:
    """What the network does is tried again, from the byte that is missing."""
    assert fetched(Version({4: error}), tmp_path) == b"0123456789"


@pytest.mark.parametrize(
    "error", [PermissionError("Forbidden"), ValueError("bad"), FileNotFoundError("gone")]
)
def test_a_refusal_is_final(tmp_path: Path, error: Exception) -> None:
    """What waiting cannot cure is reported at once, with the address and the reason."""
    with pytest.raises(SourceFailed, match=r"s3://bucket/bureau.csv .*" + str(error)):
        fetched(Version({4: error}), tmp_path)


def test_a_full_disk_is_not_the_source_s_fault(tmp_path: Path) -> None:
    """Errors of this machine keep their class, so that they are named for what they are."""
    with pytest.raises(OSError, match="No space left"):
        fetched(Version({4: OSError(errno.ENOSPC, "No space left on device")}), tmp_path)


def test_a_change_while_reading_starts_over(tmp_path: Path) -> None:
    """The first half of one version is thrown away before the second is read."""
    assert fetched(Version({4: StartOver()}), tmp_path) == b"0123456789"


def test_an_object_that_never_stands_still_is_given_up(tmp_path: Path) -> None:
    """Starting over ends, too."""

    def look() -> Version:
        return Version({4: StartOver("it changed")})

    with pytest.raises(SourceFailed, match="it changed"):
        download(PLACE, look, tmp_path / "it", PATIENT, lambda _: None)


def test_more_bytes_than_announced_are_refused(tmp_path: Path) -> None:
    """A file that is too long is as wrong as one that is too short."""
    with pytest.raises(SourceFailed, match="10 bytes arrived where 6 were announced"):
        fetched(Version({}, size=6), tmp_path)


def test_an_object_of_unknown_size_is_read_to_its_end(tmp_path: Path) -> None:
    """Some servers do not tell."""
    assert fetched(Version({}, size=None), tmp_path) == b"0123456789"


def test_an_empty_object_is_an_empty_file(tmp_path: Path) -> None:
    """Nothing to fetch is not nothing found."""
    assert fetched(Version({}, content=b"", size=0), tmp_path) == b""


def test_progress_counts_from_what_is_here(tmp_path: Path) -> None:
    """A resumed bar does not start at zero."""
    seen: list[int] = []
    broken = Version({4: ConnectionResetError()})
    download(PLACE, lambda: broken, tmp_path / "it", PATIENT, seen.append)
    assert seen == [0, 2, 4, 4, 6, 8, 10]


def test_pauses_double_up_to_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without jitter: the same failures take the same time."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    for failures in (1, 2, 3, 12):
        RetryPolicy(9, 0.5).pause(failures)
    assert pauses == [0.5, 1.0, 2.0, 60.0]


def test_a_question_is_asked_again_and_then_given_up() -> None:
    """Listing and looking are retried like reading."""
    answers = iter([ConnectionResetError("reset"), TimeoutError("late")])

    def ask() -> str:
        for error in answers:
            raise error
        return "there"

    assert with_retries(PLACE, PATIENT, ask) == "there"
    answers = iter([ConnectionResetError("reset"), TimeoutError("late")])
    with pytest.raises(SourceFailed, match="TimeoutError: late, 2 times in a row"):
        with_retries(PLACE, RetryPolicy(1, 0), ask)


def test_our_own_refusals_pass_unchanged() -> None:
    """A message that is fit for a person is not wrapped into another."""

    def ask() -> None:
        raise UnusableSource("x://y", "it is odd", "an even one")

    with pytest.raises(UnusableSource, match="it is odd"):
        with_retries(PLACE, PATIENT, ask)


def test_a_transfer_that_is_stopped_does_not_blame_the_source(tmp_path: Path) -> None:
    """What ended it is told by whoever stopped it."""

    def stop(done: int) -> None:
        if done == 4:
            raise Stopped

    with pytest.raises(Stopped):
        download(PLACE, lambda: Version({}), tmp_path / "it", PATIENT, stop)


class CertificateError(ConnectionError):
    """As aiohttp's ClientConnectorCertificateError: a connection error that never heals."""


CertificateError.__name__ = "ClientConnectorCertificateError"


def test_a_bad_certificate_is_final(tmp_path: Path) -> None:
    """Trust does not grow by asking again."""
    with pytest.raises(SourceFailed, match="ClientConnectorCertificateError: expired"):
        fetched(Version({0: CertificateError("expired")}), tmp_path)
