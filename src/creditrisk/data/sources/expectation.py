"""What a raw file must be: size, rows and checksums, where they are known beforehand."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from creditrisk.core.settings import IngestSettings
from creditrisk.data.sources.archives import Digests
from creditrisk.data.sources.errors import WrongContent


@dataclass(frozen=True, slots=True)
class Expectation:
    """The known facts of one raw file, as a CSV file: archives are judged by what they hold."""

    bytes: int | None = None
    rows: int | None = None
    md5: str | None = None
    sha256: str | None = None

    def check_content(self, file_name: str, uri: str, digests: Digests) -> None:
        """Compare size and checksums.

        Raises:
            WrongContent: one differs.
        """
        self._compare(file_name, uri, "size in bytes", digests.bytes, self.bytes)
        self._compare(file_name, uri, "MD5", digests.md5, self.md5)
        self._compare(file_name, uri, "SHA-256", digests.sha256, self.sha256)

    def check_rows(self, file_name: str, uri: str, rows: int) -> None:
        """Compare the number of rows.

        Raises:
            WrongContent: it differs.
        """
        self._compare(file_name, uri, "number of rows", rows, self.rows)

    @staticmethod
    def _compare(file_name: str, uri: str, quantity: str, seen: object, required: object) -> None:
        if required is not None and seen != required:
            raise WrongContent(file_name, uri, quantity, seen, required)


def expectations(settings: IngestSettings) -> dict[str, Expectation]:
    """What is known of each raw file: the profile's facts, replaced by checksums of one's own."""
    known = profile(settings.profile)
    stated = {
        name: Expectation(md5=source.md5, sha256=source.sha256)
        for name, source in settings.files.items()
        if source.md5 or source.sha256
    }
    return known | stated


def profile(name: Literal["none", "kaggle"]) -> dict[str, Expectation]:
    """The facts of the full files of Kaggle's competition home-credit-default-risk, or none."""
    if name == "none":
        return {}
    text = files(__package__).joinpath("kaggle_files.csv").read_text(encoding="utf-8")
    return {
        row["file"]: Expectation(int(row["bytes"]), int(row["rows"]), row["md5"])
        for row in csv.DictReader(text.splitlines())
    }
