"""What a deployment needs to know: the promoted bundle, what is built around it, what it must answer.

Only the champion has a manifest. Files that do not exist yet are listed as absent, so that whoever
deploys sees what is missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.core.errors import CreditRiskError
from creditrisk.core.files import sha256_of
from creditrisk.core.report import Part, Report
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.golden import Cell
from creditrisk.mlops.versions import (
    Evidence,
    NoChampion,
    RegisteredVersion,
    Standing,
)

Service = Literal["api", "batch"]

SMOKE_ROWS = 5
DOCKERFILES: dict[Service, str] = {"api": "Dockerfile.api", "batch": "Dockerfile.batch"}
WORKFLOWS = (
    ".github/workflows/ci.yaml",
    ".github/workflows/cd.yaml",
    ".github/workflows/nightly.yaml",
)
_TAG_DIGITS = 12


class NotTheChampion(CreditRiskError):
    """A bundle that was not promoted has no deployment manifest."""

    def __init__(self, model_name: str, bundle: Bundle, version: str, champion: str) -> None:
        super().__init__(
            f"{model_name}: no manifest for bundle {bundle.sha256[:12]} in {bundle.folder}. It is "
            f"version {version}, the champion is version {champion}. Promote it first "
            "(reports/registry_transition.json says why it was not)."
        )


class NotCleared(CreditRiskError):
    """A version lacks the evidence with which it could become the champion."""

    def __init__(self, model_name: str, version: RegisteredVersion, required: str) -> None:
        super().__init__(
            f"{model_name}: no manifest for version {version.version}. Its evidence is "
            f"'{version.evidence}', required before its promotion is '{required}'."
        )


class ListedFile(Part):
    """A file that a deployment uses; `sha256` is null where it is absent."""

    path: str
    status: Literal["present", "absent"]
    sha256: str | None


class BundleFiles(Part):
    """The bundle: its folder, its hash (that of manifest.json), the hash of every file in it."""

    path: str
    sha256: str
    files: dict[str, str]


class DeployedVersion(Part):
    """A version of the registered model, with the tag that its images bear."""

    version: str
    run_id: str
    bundle_sha256: str
    git_commit: str
    image_tag: str
    aliases: tuple[str, ...]


class Image(Part):
    """An image: its name, its tag and what it is built from."""

    name: str
    tag: str
    dockerfile: ListedFile


class EnvironmentVariable(Part):
    """A variable that a service reads; the manifest never holds a value."""

    name: str
    services: tuple[Service, ...]
    required: bool
    secret: bool
    purpose: str


class Endpoint(Part):
    """What the API answers."""

    method: Literal["GET", "POST"]
    path: str
    purpose: str


class FeatureRequest(Part):
    """A request in the form of feature rows; made up, no row is a person's."""

    features: tuple[dict[str, Cell], ...]


class SmokeRequest(Part):
    """A request and the PDs that it must be answered with, to the last bit."""

    method: Literal["POST"]
    path: str
    body: FeatureRequest
    probabilities: tuple[float, ...]


class DeployManifest(Report):
    """Everything that a deployment of the champion needs; `rollback` is null for the first one.

    Made before the promotion, `champion` is the version that is to be it, `rollback` the one that is.

    The registry's answers are no function of the pipeline's inputs, so DVC does not track this file.
    """

    model_name: str
    champion: DeployedVersion
    rollback: DeployedVersion | None
    bundle: BundleFiles
    images: tuple[Image, ...]
    workflows: tuple[ListedFile, ...]
    environment: tuple[EnvironmentVariable, ...]
    endpoints: tuple[Endpoint, ...]
    smoke: tuple[SmokeRequest, ...]

    @property
    def absent(self) -> tuple[str, ...]:
        """The listed files that do not exist yet."""
        files = (*(image.dockerfile for image in self.images), *self.workflows)
        return tuple(file.path for file in files if file.status == "absent")


PREDICT = "/predict"
ENDPOINTS = (
    Endpoint(method="GET", path="/health", purpose="the process is alive"),
    Endpoint(method="GET", path="/ready", purpose="the model is loaded and vouched for"),
    Endpoint(method="GET", path="/metadata", purpose="the model's version and bundle hash"),
    Endpoint(method="GET", path="/schema", purpose="JSON Schema of the requests"),
    Endpoint(method="POST", path="/validate", purpose="what is wrong with a request, unscored"),
    Endpoint(method="POST", path=PREDICT, purpose="PD, decision and reasons"),
    Endpoint(method="GET", path="/metrics", purpose="counters in Prometheus' text form"),
)
ENVIRONMENT = (
    EnvironmentVariable(
        name="CREDITRISK_BUNDLE_SOURCE",
        services=("api", "batch"),
        required=False,
        secret=False,
        purpose="where the bundle is fetched from: a mounted folder or an object store",
    ),
    EnvironmentVariable(
        name="CREDITRISK_BUNDLE_SHA256",
        services=("api", "batch"),
        required=False,
        secret=False,
        purpose="what the fetched bundle must be",
    ),
    EnvironmentVariable(
        name="CREDITRISK_API_KEYS_FILE",
        services=("api",),
        required=False,
        secret=False,
        purpose="hashes of the callers' keys; needed unless an issuer of tokens is named",
    ),
    EnvironmentVariable(
        name="MLFLOW_TRACKING_URI",
        services=("api", "batch"),
        required=False,
        secret=False,
        purpose="the tracking server, where the bundle is fetched from the registry",
    ),
    EnvironmentVariable(
        name="CREDITRISK_ENVIRONMENT",
        services=("api", "batch"),
        required=True,
        secret=False,
        purpose="'production' refuses what only a demonstration may do",
    ),
    EnvironmentVariable(
        name="CREDITRISK_LEDGER_URL",
        services=("api", "batch"),
        required=True,
        secret=True,
        purpose="the database of the ledger, with its password",
    ),
    EnvironmentVariable(
        name="CREDITRISK_LEDGER_KEY",
        services=("api", "batch"),
        required=True,
        secret=True,
        purpose="the key that signs the ledger",
    ),
    EnvironmentVariable(
        name="CREDITRISK_LEDGER_ANCHOR",
        services=("api", "batch"),
        required=True,
        secret=False,
        purpose="the file outside the database that anchors the ledger's head",
    ),
    EnvironmentVariable(
        name="OMP_WAIT_POLICY",
        services=("api", "batch"),
        required=False,
        secret=False,
        purpose="PASSIVE keeps scoring fast beside other processes",
    ),
)


def describe_deployment(
    bundle: Bundle, now: Standing, root: Path, *, before_promotion: bool = False
) -> DeployManifest:
    """The manifest of a bundle that is the champion, or is to be once it is deployed.

    Args:
        bundle: the verified bundle.
        now: what the registry says.
        root: the folder that paths are relative to.
        before_promotion: whether evidence is enough, and the alias moves later.

    Raises:
        NotRegistered: no version holds the bundle.
        NoChampion, NotTheChampion: it is not in production.
        NotCleared: before its promotion, its evidence is too little.
    """
    champion = (_require_cleared if before_promotion else _require_champion)(bundle, now)
    back = now.previous if "champion" in champion.aliases else now.champion
    tag = image_tag(champion)
    return DeployManifest(
        model_name=now.model_name,
        champion=_deployed(champion),
        rollback=_deployed(back) if back else None,
        bundle=BundleFiles(
            path=bundle.folder.as_posix(), sha256=bundle.sha256, files=bundle.manifest.files
        ),
        images=tuple(
            Image(name=f"creditrisk-{service}", tag=tag, dockerfile=_listed(root, path))
            for service, path in DOCKERFILES.items()
        ),
        workflows=tuple(_listed(root, path) for path in WORKFLOWS),
        environment=ENVIRONMENT,
        endpoints=ENDPOINTS,
        smoke=smoke_requests(bundle),
    )


def image_tag(version: RegisteredVersion) -> str:
    """The tag of the images that serve a version: its number and the start of its bundle's hash."""
    return f"v{version.version}-{version.bundle_sha256[:_TAG_DIGITS]}"


def smoke_requests(bundle: Bundle) -> tuple[SmokeRequest, ...]:
    """One row alone, and a few at once, each with the PDs that were sealed with the bundle."""
    golden = bundle.golden_predictions()
    rows: list[dict[str, Cell]] = [
        {APPLICANT_KEY: number, **row} for number, row in enumerate(golden.rows[:SMOKE_ROWS], 1)
    ]
    slices = (slice(0, 1), slice(0, SMOKE_ROWS))
    return tuple(
        SmokeRequest(
            method="POST",
            path=PREDICT,
            body=FeatureRequest(features=tuple(rows[chosen])),
            probabilities=golden.probabilities[chosen],
        )
        for chosen in slices
    )


def _require_champion(bundle: Bundle, now: Standing) -> RegisteredVersion:
    champion = now.champion
    if champion is None:
        raise NoChampion(now.model_name)
    found = now.holding(bundle)
    if found.version != champion.version:
        raise NotTheChampion(now.model_name, bundle, found.version, champion.version)
    return champion


def _require_cleared(bundle: Bundle, now: Standing) -> RegisteredVersion:
    found = now.holding(bundle)
    required: Evidence = "canary passed" if now.champion else "validated"
    grades = get_args(Evidence)
    if grades.index(found.evidence) < grades.index(required):
        raise NotCleared(now.model_name, found, required)
    return found


def _deployed(version: RegisteredVersion) -> DeployedVersion:
    return DeployedVersion(
        version=version.version,
        run_id=version.run_id,
        bundle_sha256=version.bundle_sha256,
        git_commit=version.tags.get("git_commit", "unknown"),
        image_tag=image_tag(version),
        aliases=version.aliases,
    )


def _listed(root: Path, path: str) -> ListedFile:
    file = root / path
    if not file.is_file():
        return ListedFile(path=path, status="absent", sha256=None)
    return ListedFile(path=path, status="present", sha256=sha256_of(file))
