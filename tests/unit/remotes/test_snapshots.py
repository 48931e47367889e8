"""Labelled snapshots travel with a push and a pull, whole and verified."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from creditrisk.contracts.tables import RAW_FILES
from creditrisk.core.errors import MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.data.labelled import (
    MANIFEST,
    DamagedSnapshot,
    LabelledSnapshots,
    SnapshotFile,
    SnapshotManifest,
    listed_snapshots,
)
from creditrisk.data.sources.transfer import RetryPolicy
from creditrisk.remotes.address import RemoteAddress
from creditrisk.remotes.errors import DamagedObjects, MissingObjects
from creditrisk.remotes.session import Checkout
from creditrisk.remotes.transfer import pull, push

if TYPE_CHECKING:
    from signed_store import Store

# DVC's libraries warn each other.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")

ONCE = RetryPolicy(0, 0)

Clone = Callable[[], Checkout]


def with_snapshot(checkout: Checkout) -> str:
    """Give a project one listed snapshot; its name."""
    root = checkout.project / checkout.snapshots
    draft = root / "draft"
    draft.mkdir(parents=True)
    for name in RAW_FILES:
        (draft / name).write_text(f"{name}\n1\n")
    files = {
        name: SnapshotFile(
            rows=1, bytes=(draft / name).stat().st_size, sha256=sha256_of(draft / name)
        )
        for name in RAW_FILES
    }
    day = "2026-01-01"
    manifest = SnapshotManifest(
        applicants=1, defaults=0, first_decided_at=day, last_decided_at=day, files=files
    )
    manifest.write(draft / MANIFEST)
    sha256 = sha256_of(draft / MANIFEST)
    draft.rename(root / sha256)
    LabelledSnapshots(snapshots=(sha256,)).write(checkout.project / checkout.pointer)
    return sha256


def listed(checkout: Checkout) -> list[str]:
    folder = checkout.project
    found = listed_snapshots(folder / checkout.pointer, folder / checkout.snapshots)
    return [snapshot.sha256 for snapshot in found]


@pytest.fixture
def name(project: Checkout) -> str:
    """The name of the project's snapshot."""
    return with_snapshot(project)


def test_a_clean_clone_gets_the_listed_snapshots(
    project: Checkout, clone: Clone, folder_remote: RemoteAddress, name: str
) -> None:
    """Ingestion there finds what git's list names; a second push and pull copy nothing."""
    assert push(folder_remote, project, ONCE).snapshots == 1
    cloned = clone()
    assert pull(folder_remote, cloned, ONCE).snapshots == 1
    assert listed(cloned) == [name]
    assert push(folder_remote, project, ONCE).snapshots == 0
    assert pull(folder_remote, cloned, ONCE).snapshots == 0


def test_a_store_holds_snapshots_too(project: Checkout, clone: Clone, s3: Store, name: str) -> None:
    """By the same keys as DVC's objects."""
    address = RemoteAddress.of_environment(s3.environment())
    push(address, project, ONCE)
    cloned = clone()
    pull(address, cloned, ONCE)
    assert listed(cloned) == [name]


def test_a_push_cut_short_is_completed(
    project: Checkout, clone: Clone, folder_remote: RemoteAddress, name: str
) -> None:
    """The manifest comes last: without it a snapshot is not there."""
    push(folder_remote, project, ONCE)
    place = Path(folder_remote.url, "labelled", name)
    (place / MANIFEST).unlink()
    (place / "bureau.csv").write_text("half")
    with pytest.raises(MissingObjects, match=f"labelled snapshot {name[:12]}"):
        pull(folder_remote, clone(), ONCE)
    assert push(folder_remote, project, ONCE).snapshots == 1
    assert pull(folder_remote, clone(), ONCE).snapshots == 1


@pytest.mark.parametrize("file", [MANIFEST, "bureau.csv"])
def test_a_damaged_snapshot_is_refused(
    project: Checkout, clone: Clone, folder_remote: RemoteAddress, name: str, file: str
) -> None:
    """Nothing of it is left in the checkout."""
    push(folder_remote, project, ONCE)
    Path(folder_remote.url, "labelled", name, file).write_text("{}")
    cloned = clone()
    with pytest.raises(DamagedObjects, match=f"Delete labelled/{name} there"):
        pull(folder_remote, cloned, ONCE)
    assert not list((cloned.project / cloned.snapshots).iterdir())


def test_a_listed_snapshot_that_nobody_has_is_not_passed_over(
    project: Checkout, folder_remote: RemoteAddress, name: str
) -> None:
    """A push that left it out would leave every clone without it."""
    (project.project / project.snapshots / name).rename(project.project / "lost")
    with pytest.raises(MissingFile, match="a listed labelled snapshot"):
        push(folder_remote, project, ONCE)


def test_a_damaged_snapshot_here_is_neither_pushed_nor_taken_for_good(
    project: Checkout, folder_remote: RemoteAddress, name: str
) -> None:
    """Both ways refuse; the person decides which copy stays."""
    (project.project / project.snapshots / name / "bureau.csv").write_text("changed")
    with pytest.raises(DamagedSnapshot):
        push(folder_remote, project, ONCE)
    with pytest.raises(DamagedSnapshot):
        pull(folder_remote, project, ONCE)
