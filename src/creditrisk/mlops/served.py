"""The models that the API serves: a folder of bundles under their SHA-256, and a pointer an alias.

`champion.json` names a bundle beside it, so a reader needs neither MLflow nor the registry. A bundle
is copied and verified before its pointer moves, and a pointer moves in one step. Bundles that no
pointer names stay: they are the archive from which decisions are replayed.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from creditrisk.core.errors import CreditRiskError, MissingFile
from creditrisk.core.files import atomic_folder
from creditrisk.core.report import Report
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.errors import BundleRefused
from creditrisk.mlops.registry import data_snapshot_sha256
from creditrisk.mlops.store import is_absent
from creditrisk.mlops.versions import (
    NoChampion,
    RegisteredVersion,
    by_alias,
    fetch_bundle,
    standing,
)

ServedAlias = Literal["champion", "challenger"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

SERVED_FOLDER = Path("models/served")
UNREGISTERED = "unregistered"
_HERE = "."


class NothingServed(CreditRiskError):
    """No model was published under an alias."""

    def __init__(self, folder: Path, alias: str) -> None:
        super().__init__(
            f"{folder} has no {alias}. Run dvc repro deploy_manifest, or creditrisk watch-registry "
            "where a registry holds the model; or name a bundle."
        )


class NoVersionWithAlias(CreditRiskError):
    """The registry has no version with an alias."""

    def __init__(self, model_name: str, alias: str) -> None:
        super().__init__(f"{model_name} has no version with the alias {alias}.")


class UnsafePointer(CreditRiskError):
    """A pointer does not name a bundle beside itself."""

    def __init__(self, path: Path, seen: str, required: str) -> None:
        super().__init__(
            f"{path} refused: it names the bundle folder {seen!r}, required is the bundle's own "
            f"SHA-256, {required[:12]}..."
        )


class BundleNotFound(CreditRiskError):
    """A bundle that made decisions is neither archived nor in the registry."""

    def __init__(self, bundle_sha256: str, reasons: list[str]) -> None:
        self.reasons = tuple(reasons)
        told = "\n  ".join(reasons)
        super().__init__(f"Bundle {bundle_sha256[:12]} cannot be had:\n  {told}")


class ForeignServedBundle(BundleRefused):
    """A folder holds another bundle than the pointer says."""

    def __init__(self, folder: Path, seen: str, required: str) -> None:
        super().__init__(folder, f"its SHA-256 is {seen[:12]}, the pointer names {required[:12]}")


class ServedModel(Report):
    """Which model answers: what every decision, `/metadata` and a trace say of it.

    `bundle` is the folder relative to the pointer file. `version`, `run_id` and `git_commit` are
    null for a bundle that was served without a registry.
    """

    alias: ServedAlias | None
    model_name: str
    version: str | None
    aliases: tuple[str, ...]
    run_id: str | None
    git_commit: str | None
    bundle_sha256: Sha256
    feature_set_sha256: Sha256
    data_snapshot_sha256: Sha256
    bundle: str


def read_served(folder: Path, alias: ServedAlias = "champion") -> ServedModel:
    """What is published under an alias; asks no registry and opens no bundle.

    Raises:
        NothingServed: nothing was published yet.
        UnreadableReport, UnsafePointer: the pointer is not what `publish` writes.
    """
    path = pointer_path(folder, alias)
    if not path.exists():
        raise NothingServed(folder, alias)
    served = ServedModel.read(path)
    if served.bundle != served.bundle_sha256:
        raise UnsafePointer(path, served.bundle, served.bundle_sha256)
    return served


def pointer_path(folder: Path, alias: ServedAlias) -> Path:
    """The file that says what an alias stands for; a change of it is a change of the model."""
    return folder / f"{alias}.json"


def bundle_folder(folder: Path, served: ServedModel) -> Path:
    """Where the bundle lies, given the folder that the pointer lies in."""
    return folder / served.bundle


def load_served(folder: Path, served: ServedModel) -> Bundle:
    """The verified bundle of a served model.

    Raises:
        MissingFile, BundleRefused: it is not there, or not what the pointer names.
    """
    return _required_bundle(bundle_folder(folder, served), served.bundle_sha256)


def archived_bundle(folder: Path, bundle_sha256: str) -> Bundle:
    """The verified bundle of that SHA-256, whether a pointer names it or not.

    Raises:
        MissingFile, BundleRefused: it is not there, or not sound.
    """
    return _required_bundle(folder / bundle_sha256, bundle_sha256)


def recovered_bundle(folder: Path, bundle_sha256: str, model_name: str) -> Bundle:
    """The archived bundle of that SHA-256; where it is not there, fetched from the registry.

    Raises:
        BundleNotFound: neither has it, or what they have is not sound.
    """
    try:
        return archived_bundle(folder, bundle_sha256)
    except (MissingFile, BundleRefused) as error:
        reasons = [str(error)]
    if is_absent():
        raise BundleNotFound(bundle_sha256, [*reasons, "There is no MLflow store here."])
    try:
        version = standing(model_name).of_bundle(bundle_sha256)
        if version is not None:
            return fetch_bundle(model_name, version, folder / bundle_sha256)
        reasons.append(f"{model_name} has no version with this bundle.")
    except CreditRiskError as error:
        reasons.append(str(error))
    raise BundleNotFound(bundle_sha256, reasons)


def unregistered(bundle: Bundle, model_name: str = UNREGISTERED) -> ServedModel:
    """What is known of a bundle that no registry vouches for; its folder stands for the pointer's."""
    return _described(bundle, model_name, alias=None, version=None, place=_HERE)


def publish(
    bundle: Bundle,
    version: RegisteredVersion,
    folder: Path,
    *,
    model_name: str,
    alias: ServedAlias = "champion",
) -> ServedModel:
    """Archive a version's bundle, then point the alias at it; what is there already stays.

    Raises:
        ForeignServedBundle: the bundle is not the one that the version was registered with.
    """
    if bundle.sha256 != version.bundle_sha256:
        raise ForeignServedBundle(bundle.folder, bundle.sha256, version.bundle_sha256)
    archived = _archive(bundle, folder)
    served = _described(archived, model_name, alias=alias, version=version, place=bundle.sha256)
    if not _points_already(folder, served):
        served.write(pointer_path(folder, alias))
    return served


def fetch_served(model_name: str, alias: ServedAlias, folder: Path) -> ServedModel:
    """Ask the registry which version has an alias, and publish its bundle.

    Raises:
        NoChampion, NoVersionWithAlias: no version has the alias; the pointer stays.
        RegisteredBundleUnavailable: the bundle is gone or is not what was registered.
        TrackingUnavailable: the registry does not answer.
    """
    version = by_alias(model_name, alias)
    if version is None and alias == "champion":
        raise NoChampion(model_name)
    if version is None:
        raise NoVersionWithAlias(model_name, alias)
    try:
        bundle = archived_bundle(folder, version.bundle_sha256)
    except (MissingFile, BundleRefused):
        bundle = fetch_bundle(model_name, version, folder / version.bundle_sha256)
    return publish(bundle, version, folder, model_name=model_name, alias=alias)


def withdraw(folder: Path, alias: ServedAlias) -> None:
    """Serve nothing under an alias any more; its bundle stays in the archive."""
    pointer_path(folder, alias).unlink(missing_ok=True)


def _archive(bundle: Bundle, folder: Path) -> Bundle:
    """The bundle under its SHA-256; a copy that is no longer sound is replaced."""
    try:
        return archived_bundle(folder, bundle.sha256)
    except (MissingFile, BundleRefused):
        target = folder / bundle.sha256
    with atomic_folder(target) as temporary:
        shutil.copytree(bundle.folder, temporary, dirs_exist_ok=True)
        _required_bundle(temporary, bundle.sha256)
    return Bundle.load(target)


def _required_bundle(folder: Path, required: str) -> Bundle:
    bundle = Bundle.load(folder)
    if bundle.sha256 != required:
        raise ForeignServedBundle(folder, bundle.sha256, required)
    return bundle


def _points_already(folder: Path, served: ServedModel) -> bool:
    try:
        return served == read_served(folder, served.alias or "champion")
    except CreditRiskError:
        return False


def _described(
    bundle: Bundle,
    model_name: str,
    *,
    alias: ServedAlias | None,
    version: RegisteredVersion | None,
    place: str,
) -> ServedModel:
    manifest = bundle.manifest
    return ServedModel(
        alias=alias,
        model_name=model_name,
        version=version.version if version else None,
        aliases=version.aliases if version else (),
        run_id=version.run_id if version else None,
        git_commit=version.tags.get("git_commit") if version else None,
        bundle_sha256=bundle.sha256,
        feature_set_sha256=manifest.feature_set_sha256,
        data_snapshot_sha256=data_snapshot_sha256(manifest.snapshot),
        bundle=place,
    )
