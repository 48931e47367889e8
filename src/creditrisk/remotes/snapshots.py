"""Labelled snapshots beside DVC's objects: `labelled/NAME/` of the remote holds one.

Git tracks their names alone, and a name is the hash of all content, so DVC has nothing to add: they
are copied as they are, and verified when they arrive.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from creditrisk.contracts.tables import RAW_FILES
from creditrisk.core.errors import MissingFile, UnreadableReport
from creditrisk.data.labelled import MANIFEST, DamagedSnapshot, LabelledSnapshots, Snapshot
from creditrisk.remotes.errors import DamagedObjects, MissingObjects
from creditrisk.remotes.session import Checkout, Session

FOLDER = "labelled"


def push_snapshots(session: Session, checkout: Checkout) -> int:
    """Copy the listed snapshots that the remote lacks, each manifest last; how many were copied.

    Raises:
        MissingFile, DamagedSnapshot: a listed one is not there, nor here as it was written.
    """
    names = LabelledSnapshots.of(checkout.project / checkout.pointer).snapshots
    absent = [name for name in names if not _is_there(session, name)]
    folder = checkout.project / checkout.snapshots
    for snapshot in [Snapshot.load(folder, name) for name in absent]:
        place = session.path(FOLDER, snapshot.sha256)
        session.remote.fs.makedirs(place)
        for name in (*snapshot.manifest.files, MANIFEST):
            source = str((snapshot.folder / name).absolute())
            session.remote.fs.put_file(source, session.path(FOLDER, snapshot.sha256, name))
    return len(absent)


def pull_snapshots(session: Session, checkout: Checkout) -> int:
    """Fetch the listed snapshots that are not here; how many were fetched.

    Raises:
        MissingObjects, DamagedObjects: the remote lacks one, or holds another under its name.
        DamagedSnapshot: one that is here is not what was written.
    """
    folder = checkout.project / checkout.snapshots
    names = LabelledSnapshots.of(checkout.project / checkout.pointer).snapshots
    absent = [name for name in names if not _is_here(folder, name)]
    for name in absent:
        _fetch(session, folder, name)
    return len(absent)


def _is_there(session: Session, name: str) -> bool:
    """Whether the remote has the snapshot whole: its manifest is copied last."""
    try:
        manifest = session.remote.fs.cat_file(session.path(FOLDER, name, MANIFEST))
    except FileNotFoundError:
        return False
    return hashlib.sha256(manifest).hexdigest() == name


def _is_here(folder: Path, name: str) -> bool:
    if not (folder / name).exists():
        return False
    Snapshot.load(folder, name)
    return True


def _fetch(session: Session, folder: Path, name: str) -> None:
    """Copy one snapshot beside its place, verify it, and move it there in one step."""
    place = session.path(FOLDER, name)
    shown = f"labelled snapshot {name[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".", suffix=".part") as staging:
        staged = Path(staging, name)
        staged.mkdir()
        try:
            for file in (MANIFEST, *RAW_FILES):
                session.remote.fs.get_file(session.remote.fs.join(place, file), str(staged / file))
            Snapshot.load(Path(staging), name)
        except FileNotFoundError:
            remedy = "Push it from where it was made, or take its name out of the list."
            raise MissingObjects(session.address.url, [shown], remedy) from None
        except (DamagedSnapshot, MissingFile, UnreadableReport):
            remedy = f"Delete {FOLDER}/{name} there and push it again from where it was made."
            raise DamagedObjects(session.address.url, [shown], remedy) from None
        staged.rename(folder / name)
