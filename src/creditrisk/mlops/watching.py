"""Keeps the folder of served models in step with the registry, through outages of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from creditrisk.core.errors import CreditRiskError
from creditrisk.mlops.served import (
    NoVersionWithAlias,
    ServedAlias,
    ServedModel,
    fetch_served,
    read_served,
    withdraw,
)
from creditrisk.mlops.versions import NoChampion

Event = Literal["published", "unchanged", "withdrawn", "absent", "kept", "failed"]

_MOST_SECONDS_BETWEEN_LOOKS = 300.0
_MOST_DOUBLINGS = 16


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one look at the registry found out about an alias, and what is served for it now.

    `kept`: the registry has no champion any more, the pointer stays. `withdrawn`: it has no
    challenger any more, the pointer is gone. `failed`: registry or bundle cannot be had, the
    pointer stays.
    """

    alias: ServedAlias
    event: Event
    served: ServedModel | None
    reason: str | None = None


@dataclass
class RegistryWatch:
    """Looks at the registry again and again; each look tells only what is news since the last."""

    model_name: str
    folder: Path
    aliases: Sequence[ServedAlias] = ("champion",)
    failures: int = 0
    _told: dict[ServedAlias, tuple[Event, str | None]] = field(default_factory=dict)

    def look(self) -> list[Sighting]:
        """Publish what the aliases stand for now; a registry that fails raises nothing."""
        sightings = [self._sighting(alias) for alias in self.aliases]
        failed = any(sighting.event == "failed" for sighting in sightings)
        self.failures = self.failures + 1 if failed else 0
        return [sighting for sighting in sightings if self._is_news(sighting)]

    def seconds_to_next(self, every: float) -> float:
        """How long to wait: twice as long after each failure, but five minutes at most."""
        longest = max(every, _MOST_SECONDS_BETWEEN_LOOKS)
        return float(min(every * 2.0 ** min(self.failures, _MOST_DOUBLINGS), longest))

    def _sighting(self, alias: ServedAlias) -> Sighting:
        before = _published(self.folder, alias)
        try:
            served = fetch_served(self.model_name, alias, self.folder)
        except NoChampion as error:
            return Sighting(alias, "kept" if before else "absent", before, str(error))
        except NoVersionWithAlias as error:
            # What is no challenger any more must not be scored as one.
            withdraw(self.folder, alias)
            return Sighting(alias, "withdrawn" if before else "absent", None, str(error))
        except CreditRiskError as error:
            return Sighting(alias, "failed", before, str(error))
        return Sighting(alias, "unchanged" if served == before else "published", served)

    def _is_news(self, sighting: Sighting) -> bool:
        event: Event = "unchanged" if sighting.event == "published" else sighting.event
        before = self._told.get(sighting.alias)
        self._told[sighting.alias] = (event, sighting.reason)
        return sighting.event in {"published", "withdrawn"} or (event, sighting.reason) != before


def _published(folder: Path, alias: ServedAlias) -> ServedModel | None:
    try:
        return read_served(folder, alias)
    except CreditRiskError:
        return None
