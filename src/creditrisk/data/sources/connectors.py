"""From a location to the connector that serves it."""

from __future__ import annotations

from creditrisk.data.sources.errors import UnusableSource
from creditrisk.data.sources.location import LOCAL, SYNTHETIC, Location
from creditrisk.data.sources.source import Source
from creditrisk.data.sources.transfer import RetryPolicy


def open_source(location: Location, policy: RetryPolicy) -> Source:
    """The connector for a location; only its own libraries are imported.

    Raises:
        UnusableSource: no connector serves it.
        SourceFailed: it cannot be reached or refuses.
    """
    if location.kind == SYNTHETIC:
        raise UnusableSource(
            location.shown,
            "a generated portfolio is consistent only as a whole",
            "ingest.source: synthetic, which generates all files",
        )
    if location.kind == LOCAL:
        from creditrisk.data.sources.local import LocalSource

        return LocalSource(location)
    if location.kind in {"http", "https"}:
        from creditrisk.data.sources.web import WebSource

        return WebSource(location, policy)
    if location.kind == "kaggle":
        from creditrisk.data.sources.competition import CompetitionSource

        return CompetitionSource(location, policy)
    from creditrisk.data.sources.cloud import CloudSource

    return CloudSource(location, policy)
