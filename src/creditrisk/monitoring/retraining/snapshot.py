"""Writes a labelled snapshot: applications that were decided on, with what became of them.

Of several decisions about an applicant the last one counts. Applicants of earlier snapshots, and
those whose histories another one has claimed, are left out; every reason is counted.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from creditrisk.core.files import sha256_of
from creditrisk.core.report import Part
from creditrisk.core.settings import ContractSettings
from creditrisk.data.labelled import (
    MANIFEST,
    POINTER,
    SNAPSHOTS,
    LabelledSnapshots,
    Snapshot,
    SnapshotFile,
    SnapshotManifest,
    listed_snapshots,
)
from creditrisk.monitoring.retraining.snapshot_rows import SnapshotTables, Taken, application_checks

_PREFIX, _SUFFIX = ".snapshot.", ".part"
_APPLICANTS_A_CHUNK = 100


class Labelled(Protocol):
    """A decision's content as the ledger keeps it, and its outcome."""

    @property
    def decision_id(self) -> str:
        """Ids sort by time."""

    @property
    def content(self) -> Mapping[str, Any]:
        """See `DecisionRecord`."""

    @property
    def target(self) -> int:
        """1 for a default, else 0."""


class LabelledSource(Protocol):
    """Decisions with known outcomes, as often as asked; `left_out` is of the last iteration."""

    @property
    def left_out(self) -> Mapping[Any, int]:
        """Outcomes without stored raw inputs, by reason."""

    def __iter__(self) -> Iterator[Labelled]:
        """The decisions in the order of their ids."""


class NewData(Part):
    """What known outcomes give to learn from.

    `sha256` names the snapshot that was written, null where there was no new applicant. `left_out`
    counts outcomes by the reason for which they are not in it.
    """

    sha256: str | None
    applicants: int
    defaults: int
    left_out: dict[str, int]


@dataclass(frozen=True, slots=True)
class SnapshotPlaces:
    """The list that git tracks, and the folder of the snapshots."""

    pointer: Path = POINTER
    folder: Path = SNAPSHOTS


def take_snapshot(
    source: LabelledSource, places: SnapshotPlaces, contracts: ContractSettings
) -> NewData:
    """Write what is new as one more snapshot, and list it.

    The snapshot lies in its place before it is listed: a process that is killed leaves a list of
    whole snapshots. Without a new applicant nothing is written.

    Raises:
        MissingFile, DamagedSnapshot, UnreadableReport: a listed snapshot is not what was written.
    """
    earlier = listed_snapshots(places.pointer, places.folder)
    _remove_unfinished(places.folder)
    places.folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=places.folder, prefix=_PREFIX, suffix=_SUFFIX))
    try:
        written = _write(draft, source, earlier, contracts)
        manifest = written.manifest()
        if manifest is None:
            return _new_data(None, written, source)
        name = _commit(draft, manifest, places.folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    names = LabelledSnapshots.of(places.pointer).snapshots
    LabelledSnapshots(snapshots=(*names, name)).write(places.pointer)
    return _new_data(name, written, source)


@dataclass
class _Written:
    """What has been written so far."""

    draft: Path
    tables: SnapshotTables
    defaults: int = 0
    decided: tuple[datetime, datetime] | None = None
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, decisions: Sequence[Labelled]) -> None:
        """Add the applications of some decisions."""
        wanted = [(decision.content["inputs"], decision.target) for decision in decisions]
        for decision, taken in zip(decisions, self.tables.add(wanted), strict=True):
            if taken is not Taken.YES:
                self.left_out[taken.value] += 1
                continue
            self.defaults += decision.target
            moment = datetime.fromisoformat(decision.content["origin"]["received_at"])
            first, last = self.decided or (moment, moment)
            self.decided = (min(first, moment), max(last, moment))

    def manifest(self) -> SnapshotManifest | None:
        """What describes it, None where nobody is in it."""
        if self.decided is None:
            return None
        return SnapshotManifest(
            applicants=self.tables.applicants,
            defaults=self.defaults,
            first_decided_at=_utc(self.decided[0]),
            last_decided_at=_utc(self.decided[1]),
            files={
                name: SnapshotFile(
                    rows=rows,
                    bytes=(self.draft / name).stat().st_size,
                    sha256=sha256_of(self.draft / name),
                )
                for name, rows in self.tables.rows.items()
            },
        )


def _write(
    draft: Path,
    source: LabelledSource,
    earlier: Sequence[Snapshot],
    contracts: ContractSettings,
) -> _Written:
    last = {int(decision.content["sk_id_curr"]): decision.decision_id for decision in source}
    with SnapshotTables(
        draft, earlier, application_checks(contracts, _APPLICANTS_A_CHUNK)
    ) as tables:
        written = _Written(draft, tables)
        for chunk in _chunks(_last_ones(source, last, written.left_out)):
            written.add(chunk)
    return written


def _last_ones(
    source: Iterable[Labelled], last: Mapping[int, str], left_out: Counter[str]
) -> Iterator[Labelled]:
    for decision in source:
        if last[int(decision.content["sk_id_curr"])] == decision.decision_id:
            yield decision
        else:
            left_out["a later decision counts"] += 1


def _chunks(decisions: Iterator[Labelled]) -> Iterator[list[Labelled]]:
    while chunk := list(islice(decisions, _APPLICANTS_A_CHUNK)):
        yield chunk


def _commit(draft: Path, manifest: SnapshotManifest, folder: Path) -> str:
    manifest.write(draft / MANIFEST)
    name = sha256_of(draft / MANIFEST)
    if not (folder / name).exists():
        draft.chmod(0o755)
        draft.rename(folder / name)
    return name


def _remove_unfinished(folder: Path) -> None:
    """Remove what a killed process left; the caller holds the lock, so nobody is writing there."""
    for draft in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        shutil.rmtree(draft, ignore_errors=True)


def _new_data(name: str | None, written: _Written, source: LabelledSource) -> NewData:
    left_out = Counter({str(reason): count for reason, count in source.left_out.items()})
    left_out += written.left_out
    return NewData(
        sha256=name,
        applicants=written.tables.applicants,
        defaults=written.defaults,
        left_out=dict(sorted(left_out.items())),
    )


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
