"""The registry as it is read: versions, the aliases that point at them, the bundles behind them.

An alias says what a version is for, the tag `evidence` how far it has come. Both are written by
`creditrisk.mlops.registry` and `creditrisk.mlops.aliases` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from creditrisk.core.errors import CreditRiskError, MissingFile
from creditrisk.core.files import atomic_folder
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.errors import BundleRefused
from creditrisk.mlops.hold_out import HoldOut
from creditrisk.mlops.store import store_client
from creditrisk.mlops.tracking import BUNDLE_ARTIFACT, BUNDLE_TAG

Alias = Literal["candidate", "challenger", "champion", "previous"]
Evidence = Literal["registered", "validated", "canary passed", "promoted"]

_BY_RANK: tuple[Alias, ...] = ("champion", "previous", "challenger", "candidate")

EVIDENCE_TAG = "evidence"
STAGE_TAG = "stage"
HOLD_OUT_TAG = "hold_out"
PREDECESSOR_TAG = "predecessor"
ROLLED_BACK_TAG = "rolled_back"
NO_PREDECESSOR = "none"


class NotRegistered(CreditRiskError):
    """A version, or the version of a bundle, is not in the registry."""

    def __init__(self, model_name: str, sought: str) -> None:
        super().__init__(
            f"{model_name}: {sought} is not registered. Run register_candidate; "
            "reports/registry_promotion.json says why it was refused, if it was."
        )


class NoChampion(CreditRiskError):
    """There is no version with the alias `champion`."""

    def __init__(self, model_name: str) -> None:
        super().__init__(f"{model_name} has no champion: no version was promoted yet.")


class RegisteredBundleUnavailable(CreditRiskError):
    """The bundle that a version was registered with cannot be had from its run."""

    def __init__(self, model_name: str, version: RegisteredVersion, reason: str) -> None:
        super().__init__(
            f"{model_name} version {version.version}: the bundle in run {version.run_id} cannot "
            f"be used, {reason}."
        )


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version of the registered model as the registry knows it."""

    version: str
    run_id: str
    bundle_sha256: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]

    @property
    def evidence(self) -> Evidence:
        """The highest grade of evidence that the version has earned."""
        grade = self.tags.get(EVIDENCE_TAG)
        return next((known for known in get_args(Evidence) if known == grade), "registered")

    @property
    def highest_alias(self) -> Alias | None:
        """What the version is for; None for a former one."""
        return next((alias for alias in _BY_RANK if alias in self.aliases), None)

    @property
    def rolled_back(self) -> bool:
        """Whether a person took this version back from production."""
        return ROLLED_BACK_TAG in self.tags

    @property
    def predecessor(self) -> str | None:
        """The champion that this version replaced when it was last promoted."""
        version = self.tags.get(PREDECESSOR_TAG)
        return None if version == NO_PREDECESSOR else version

    @property
    def hold_out(self) -> HoldOut | None:
        """Which applicants the model was not trained on; None where that was not recorded."""
        text = self.tags.get(HOLD_OUT_TAG)
        return HoldOut.model_validate_json(text) if text else None


@dataclass(frozen=True, slots=True)
class Standing:
    """All versions, oldest first, and which of them each alias points at, at one moment."""

    model_name: str
    versions: tuple[RegisteredVersion, ...] = ()

    def by_alias(self, alias: Alias) -> RegisteredVersion | None:
        """The version behind an alias."""
        return next((known for known in self.versions if alias in known.aliases), None)

    def of_bundle(self, bundle_sha256: str) -> RegisteredVersion | None:
        """The version that holds a bundle."""
        found = (known for known in self.versions if known.bundle_sha256 == bundle_sha256)
        return next(found, None)

    def holding(self, bundle: Bundle) -> RegisteredVersion:
        """The version that holds a bundle.

        Raises:
            NotRegistered: there is none.
        """
        found = self.of_bundle(bundle.sha256)
        if found is None:
            sought = f"bundle {bundle.sha256[:12]} in {bundle.folder}"
            raise NotRegistered(self.model_name, sought)
        return found

    def version(self, number: str) -> RegisteredVersion:
        """The version of that number.

        Raises:
            NotRegistered: there is none.
        """
        for known in self.versions:
            if known.version == number:
                return known
        raise NotRegistered(self.model_name, f"version {number}")

    @property
    def champion(self) -> RegisteredVersion | None:
        """The version in production."""
        return self.by_alias("champion")

    @property
    def previous(self) -> RegisteredVersion | None:
        """The version that a rollback returns to."""
        return self.by_alias("previous")


def standing(model_name: str) -> Standing:
    """All versions and aliases of a model; none where nothing was registered yet.

    Raises:
        TrackingUnavailable: the registry does not answer.
    """
    with store_client() as client:
        return read_standing(client, model_name)


def versions(model_name: str) -> tuple[RegisteredVersion, ...]:
    """All versions of a model, oldest first."""
    return standing(model_name).versions


def version_of(model_name: str, bundle_sha256: str) -> RegisteredVersion | None:
    """The version that holds a bundle."""
    return standing(model_name).of_bundle(bundle_sha256)


def by_alias(model_name: str, alias: Alias) -> RegisteredVersion | None:
    """The version behind an alias."""
    return standing(model_name).by_alias(alias)


def champion_bundle(model_name: str, folder: Path) -> tuple[RegisteredVersion, Bundle]:
    """The champion, and its bundle fetched into a folder; see `fetch_bundle`.

    Raises:
        NoChampion: nothing was promoted yet.
        RegisteredBundleUnavailable: the bundle is gone or is not what was registered.
        TrackingUnavailable: the registry does not answer.
    """
    champion = by_alias(model_name, "champion")
    if champion is None:
        raise NoChampion(model_name)
    return champion, fetch_bundle(model_name, champion, folder)


def fetch_bundle(model_name: str, version: RegisteredVersion, folder: Path) -> Bundle:
    """Copy a version's bundle out of its run; the folder appears only once its hashes agree.

    Raises:
        RegisteredBundleUnavailable: it is gone or is not what was registered.
        TrackingUnavailable: the store does not answer.
    """
    with atomic_folder(folder) as temporary:
        source = _downloaded(model_name, version, temporary)
        _require_registered_bundle(model_name, version, source)
        for path in list(source.iterdir()):
            path.rename(temporary / path.name)
        source.rmdir()
    return Bundle.load(folder)


def read_standing(client: Any, model_name: str) -> Standing:
    """`standing` for a caller that already uses the store."""
    # Asking for a model by its name is an error where there is none; a search is not.
    found = client.search_registered_models(f"name = '{model_name}'")
    if not found:
        return Standing(model_name)
    aliases: dict[str, list[str]] = {}
    for alias, number in client.get_registered_model(model_name).aliases.items():
        aliases.setdefault(str(number), []).append(alias)
    records = client.search_model_versions(f"name = '{model_name}'")
    return Standing(
        model_name,
        tuple(
            _version(record, aliases.get(str(record.version), []))
            for record in sorted(records, key=lambda record: int(record.version))
        ),
    )


def _version(record: Any, aliases: list[str]) -> RegisteredVersion:
    tags = dict(record.tags)
    return RegisteredVersion(
        version=str(record.version),
        run_id=str(record.run_id),
        bundle_sha256=tags.get(BUNDLE_TAG, ""),
        aliases=tuple(sorted(aliases)),
        tags=MappingProxyType(tags),
    )


def _downloaded(model_name: str, version: RegisteredVersion, folder: Path) -> Path:
    with store_client() as client:
        if not client.list_artifacts(version.run_id, BUNDLE_ARTIFACT):
            reason = f"the run has no artifact {BUNDLE_ARTIFACT!r}"
            raise RegisteredBundleUnavailable(model_name, version, reason)
        return Path(client.download_artifacts(version.run_id, BUNDLE_ARTIFACT, str(folder)))


def _require_registered_bundle(model_name: str, version: RegisteredVersion, folder: Path) -> None:
    try:
        seen = Bundle.load(folder).sha256
    except (BundleRefused, MissingFile) as error:
        raise RegisteredBundleUnavailable(model_name, version, str(error)) from error
    if seen != version.bundle_sha256:
        reason = (
            f"its SHA-256 is {seen[:12]}, the version was registered with "
            f"{version.bundle_sha256[:12]}"
        )
        raise RegisteredBundleUnavailable(model_name, version, reason)
