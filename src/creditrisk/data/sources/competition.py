"""Raw files of a Kaggle competition, through Kaggle's own client.

Its credentials are those the client always takes: KAGGLE_USERNAME and KAGGLE_KEY, KAGGLE_API_TOKEN,
or the files under ~/.kaggle. It resumes and retries downloads by itself.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from creditrisk.data.sources.errors import SourceFailed, UnusableSource
from creditrisk.data.sources.location import Location
from creditrisk.data.sources.source import Watch, within
from creditrisk.data.sources.transfer import RetryPolicy, with_retries

_FILES_PER_PAGE = 200


@dataclass(frozen=True, slots=True)
class CompetitionFile:
    """A file of a competition."""

    location: Location
    size: int | None
    source: CompetitionSource

    def materialise(self, folder: Path, watch: Watch) -> Path:
        """Download it; Kaggle may deliver it zipped, whatever its name in the list."""
        watch(0)
        folder = folder / f"{self.location.name}.kaggle"
        folder.mkdir(exist_ok=True)
        with_retries(self.location, self.source.policy, lambda: self.source.fetch(self, folder))
        watch(self.size or 0)
        return next(path for path in folder.iterdir() if path.name.startswith(self.location.name))


class CompetitionSource:
    """The files of one competition.

    Raises:
        UnusableSource: Kaggle's client is not installed.
        SourceFailed: there are no valid credentials, or Kaggle refused.
    """

    def __init__(self, location: Location, policy: RetryPolicy) -> None:
        self.location = location
        self.policy = policy
        self.competition = urlsplit(location.uri).netloc
        self._client = with_retries(location, policy, lambda: _client(location))
        self._sizes: dict[str, int] = with_retries(location, policy, self._list)

    def find(self, file_name: str) -> CompetitionFile | None:
        """The listed file that holds that raw file."""
        for candidate in within(self.location, file_name):
            if candidate.name in self._sizes:
                return CompetitionFile(candidate, self._sizes[candidate.name] or None, self)
        return None

    def fetch(self, file: CompetitionFile, folder: Path) -> None:
        """Let Kaggle's client download one file into a folder."""
        self._client.competition_download_file(
            self.competition, file.location.name, path=str(folder), quiet=True
        )

    def _list(self) -> dict[str, int]:
        sizes: dict[str, int] = {}
        token = None
        while True:
            page = self._client.competition_list_files(self.competition, token, _FILES_PER_PAGE)
            sizes |= {file.name: file.total_bytes for file in page.files}
            token = page.next_page_token
            if not token:
                return sizes


def _client(location: Location) -> Any:
    # The client signs in when it is imported, and prints advice for its own command line.
    with redirect_stdout(io.StringIO()):
        try:
            from kaggle.api.kaggle_api_extended import KaggleApi
        except ImportError:
            raise UnusableSource(
                location.shown, "the package kaggle is not installed", "creditrisk[kaggle]"
            ) from None
        client = KaggleApi()
        try:
            client.authenticate()
        except SystemExit:
            raise SourceFailed(
                location.shown,
                "no valid Kaggle credentials",
                "Set KAGGLE_USERNAME and KAGGLE_KEY, or KAGGLE_API_TOKEN.",
            ) from None
    return client
