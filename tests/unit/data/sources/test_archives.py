"""What a source delivers becomes one CSV file, or is refused."""

from __future__ import annotations

import gzip
import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from creditrisk.data.sources.archives import Digests, digest, holds, unpack, unpacked_bytes
from creditrisk.data.sources.errors import DamagedArchive

TEXT = b"A,B\n" + b"1,2\n" * 50_000
FACTS = Digests(
    len(TEXT),
    hashlib.md5(TEXT, usedforsecurity=False).hexdigest(),
    hashlib.sha256(TEXT).hexdigest(),
)


def zipped(folder: Path, *names: str) -> Path:
    with zipfile.ZipFile(folder / "bureau.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, TEXT)
    return folder / "bureau.csv.zip"


def gzipped(folder: Path) -> Path:
    path = folder / "bureau.csv.gz"
    path.write_bytes(gzip.compress(TEXT))
    return path


def plain(folder: Path) -> Path:
    (folder / "bureau.csv").write_bytes(TEXT)
    return folder / "bureau.csv"


def unpacked(path: Path, watched: list[int] | None = None) -> Digests:
    seen: list[int] = [] if watched is None else watched
    return unpack(path, "s3://raw/it", "bureau.csv", path.parent / "out.csv", seen.append)


def refused(path: Path) -> str:
    with pytest.raises(DamagedArchive) as caught:
        unpacked(path)
    return str(caught.value)


@pytest.mark.parametrize("name", ["bureau.csv", "home-credit/bureau.csv"])
def test_a_zip_member_is_found_in_any_folder(tmp_path: Path, name: str) -> None:
    """Kaggle's own zips are flat, those that people make often are not."""
    path = zipped(tmp_path, name, "bureau_balance.csv", "__MACOSX/._bureau.csv")
    assert unpacked(path) == FACTS
    assert (tmp_path / "out.csv").read_bytes() == TEXT


@pytest.mark.parametrize("pack", [plain, gzipped])
def test_other_forms_give_the_same_file(tmp_path: Path, pack: type[Path]) -> None:
    """Checksums are of the CSV file, whatever it came in."""
    watched: list[int] = []
    assert unpacked(pack(tmp_path), watched) == FACTS
    assert (tmp_path / "out.csv").read_bytes() == TEXT
    assert watched[-1] == len(TEXT)


def test_a_file_can_be_digested_where_it_lies(tmp_path: Path) -> None:
    """The same facts without a copy."""
    assert digest(plain(tmp_path), lambda _: None) == FACTS


@pytest.mark.parametrize("kept_share", [0.0, 0.3, 0.9])
def test_a_truncated_zip_is_refused(tmp_path: Path, kept_share: float) -> None:
    """A zip has its list at the end: without it nothing can be trusted."""
    path = zipped(tmp_path, "bureau.csv")
    os.truncate(path, int(path.stat().st_size * kept_share))
    assert refused(path).startswith("s3://raw/it refused: file is not a zip file.")


@pytest.mark.parametrize("kept_share", [0.3, 0.9])
def test_a_truncated_gz_is_refused(tmp_path: Path, kept_share: float) -> None:
    """An early end is told from a shorter file."""
    path = gzipped(tmp_path)
    os.truncate(path, int(path.stat().st_size * kept_share))
    assert "ended before the end-of-stream marker" in refused(path)


def test_a_gz_of_nothing_is_refused_later_as_an_empty_file(tmp_path: Path) -> None:
    """Zero bytes decompress to zero bytes; the header check refuses them."""
    (tmp_path / "bureau.csv.gz").write_bytes(b"")
    assert unpacked(tmp_path / "bureau.csv.gz").bytes == 0


def test_a_flipped_byte_in_a_zip_is_refused(tmp_path: Path) -> None:
    """Every member's CRC is checked."""
    path = zipped(tmp_path, "bureau.csv")
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    assert "Required: an intact archive that holds bureau.csv" in refused(path)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    """An error page saved as .gz is named as such."""
    (tmp_path / "bureau.csv.gz").write_bytes(b"<html>")
    assert "not a gzipped file" in refused(tmp_path / "bureau.csv.gz").lower()


def test_a_zip_without_the_file_is_refused(tmp_path: Path) -> None:
    """It names how many it holds."""
    path = zipped(tmp_path, "bureau_balance.csv")
    assert "holds 0 files of that name" in refused(path)
    assert not holds(path, "s3://raw/it", "bureau.csv")


def test_a_zip_with_two_of_them_is_refused(tmp_path: Path) -> None:
    """No guess is made which of two is meant."""
    assert "holds 2 files of that name" in refused(zipped(tmp_path, "a/bureau.csv", "b/bureau.csv"))


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    """There is no place for its password."""
    path = zipped(tmp_path, "bureau.csv")
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "encrypted" in refused(path)


def test_the_size_to_come_is_known_but_for_gz(tmp_path: Path) -> None:
    """The free space is compared with it beforehand."""
    sizes = [
        unpacked_bytes(path, "s3://raw/it", "bureau.csv")
        for path in (plain(tmp_path), zipped(tmp_path, "bureau.csv"), gzipped(tmp_path))
    ]
    assert sizes == [len(TEXT), len(TEXT), None]
