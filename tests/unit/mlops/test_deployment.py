from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from simulated_lending import sealed

import creditrisk
from creditrisk.core.files import sha256_of
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.deployment import (
    DOCKERFILES,
    ENDPOINTS,
    ENVIRONMENT,
    WORKFLOWS,
    DeployManifest,
    ListedFile,
    NotCleared,
    NotTheChampion,
    describe_deployment,
)
from creditrisk.mlops.golden import table_of
from creditrisk.mlops.versions import NoChampion, NotRegistered, RegisteredVersion, Standing


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A sealed bundle."""
    return sealed(tmp_path_factory.mktemp("model"))


def version(number: str, bundle_sha256: str, *aliases: str) -> RegisteredVersion:
    """A version as the registry tells of it."""
    tags = {"git_commit": f"commit {number}"}
    return RegisteredVersion(number, f"run {number}", bundle_sha256, aliases, tags)


def standing(bundle: Bundle) -> Standing:
    """The bundle in production, another before it."""
    before = version("1", "1" * 64, "previous")
    return Standing("CreditRiskPD", (before, version("2", bundle.sha256, "champion")))


def repository(folder: Path, *paths: str) -> Path:
    """A folder with these files."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"content of {path}")
    return folder


def listed(manifest: DeployManifest) -> list[ListedFile]:
    """Every file of the repository that the manifest names."""
    return [*(image.dockerfile for image in manifest.images), *manifest.workflows]


def test_every_path_leads_where_the_manifest_says(bundle: Bundle, tmp_path: Path) -> None:
    """A present file has the hash, an absent one is not there, the bundle's files are its own."""
    root = repository(tmp_path, "Dockerfile.api", WORKFLOWS[1])
    manifest = describe_deployment(bundle, standing(bundle), root)
    for file in listed(manifest):
        path = root / file.path
        assert (file.status == "present") == path.exists()
        assert file.sha256 == (sha256_of(path) if path.exists() else None)
    for name, digest in manifest.bundle.files.items():
        assert sha256_of(Path(manifest.bundle.path) / name) == digest
    assert sha256_of(Path(manifest.bundle.path) / "manifest.json") == manifest.bundle.sha256


def test_what_is_missing_is_listed_as_absent(bundle: Bundle, tmp_path: Path) -> None:
    """Both images and all workflows are named whether or not they exist yet."""
    manifest = describe_deployment(bundle, standing(bundle), repository(tmp_path, "Dockerfile.api"))
    assert manifest.absent == ("Dockerfile.batch", *WORKFLOWS)
    assert [file.path for file in listed(manifest)] == [*DOCKERFILES.values(), *WORKFLOWS]


def test_images_are_told_apart_by_version_and_bundle(bundle: Bundle, tmp_path: Path) -> None:
    """The same version of another registry is another image."""
    manifest = describe_deployment(bundle, standing(bundle), tmp_path)
    assert {image.name for image in manifest.images} == {"creditrisk-api", "creditrisk-batch"}
    assert {image.tag for image in manifest.images} == {f"v2-{bundle.sha256[:12]}"}


def test_a_rollback_is_prepared(bundle: Bundle, tmp_path: Path) -> None:
    """The previous version stands there with everything that deploying it needs."""
    manifest = describe_deployment(bundle, standing(bundle), tmp_path)
    assert manifest.champion.git_commit == "commit 2"
    assert manifest.rollback
    assert manifest.rollback.version == "1"
    assert manifest.rollback.image_tag == "v1-111111111111"
    first = Standing("CreditRiskPD", standing(bundle).versions[1:])
    assert describe_deployment(bundle, first, tmp_path).rollback is None


def test_smoke_requests_get_the_golden_answers(bundle: Bundle, tmp_path: Path) -> None:
    """Read back from the file, the rows score to the same bits."""
    path = tmp_path / "deploy_manifest.json"
    describe_deployment(bundle, standing(bundle), tmp_path).write(path)
    smoke = DeployManifest.read(path).smoke
    assert [len(request.body.features) for request in smoke] == [1, 5]
    for request in smoke:
        rows = table_of(request.body.features, bundle.manifest.features)
        seen = bundle.serving_form().probabilities(rows)
        assert tuple(seen.tolist()) == request.probabilities


def test_requests_are_rows_of_the_feature_table(bundle: Bundle, tmp_path: Path) -> None:
    """Each has the applicant's key, made up, and the model's features; it goes to an endpoint."""
    names = {"SK_ID_CURR", *(feature.name for feature in bundle.manifest.features)}
    for request in describe_deployment(bundle, standing(bundle), tmp_path).smoke:
        assert all(set(row) == names for row in request.body.features)
        ids = [row["SK_ID_CURR"] for row in request.body.features]
        assert ids == list(range(1, len(ids) + 1))
        assert request.path in {endpoint.path for endpoint in ENDPOINTS}


def test_variables_are_those_that_the_code_reads() -> None:
    """A name that no source file has would be set in vain; none has a value."""
    root = Path(creditrisk.__file__).parent
    source = "".join(
        path.read_text() for path in root.rglob("*.py") if path.name != "deployment.py"
    )
    assert [variable.name for variable in ENVIRONMENT if variable.name not in source] == []
    assert {variable.name for variable in ENVIRONMENT if variable.secret} == {
        "CREDITRISK_LEDGER_URL",
        "CREDITRISK_LEDGER_KEY",
    }


def test_only_the_champion_has_a_manifest(bundle: Bundle, tmp_path: Path) -> None:
    """Neither a challenger, nor an unregistered bundle, nor any before the first promotion."""
    now = standing(bundle)
    challenger = Standing(
        now.model_name,
        (version("1", "1" * 64, "champion"), version("2", bundle.sha256, "challenger")),
    )
    with pytest.raises(NotTheChampion, match="It is version 2, the champion is version 1"):
        describe_deployment(bundle, challenger, tmp_path)
    with pytest.raises(NotRegistered):
        describe_deployment(replace(bundle, sha256="2" * 64), now, tmp_path)
    with pytest.raises(NoChampion):
        describe_deployment(bundle, Standing("CreditRiskPD"), tmp_path)


@pytest.mark.parametrize(
    ("evidence", "champion", "cleared"),
    [
        ("canary passed", True, True),
        ("validated", True, False),
        ("validated", False, True),
        ("registered", False, False),
    ],
)
def test_before_its_promotion_a_version_needs_evidence(
    bundle: Bundle, tmp_path: Path, *, evidence: str, champion: bool, cleared: bool
) -> None:
    """Beside a champion its canary, without one its validation; its way back is the champion."""
    found = replace(version("2", bundle.sha256, "challenger"), tags={"evidence": evidence})
    others = (version("1", "1" * 64, "champion"),) if champion else ()
    now = Standing("CreditRiskPD", (*others, found))
    if not cleared:
        with pytest.raises(NotCleared):
            describe_deployment(bundle, now, tmp_path, before_promotion=True)
        return
    manifest = describe_deployment(bundle, now, tmp_path, before_promotion=True)
    assert manifest.champion.version == "2"
    assert (manifest.rollback.version if manifest.rollback else None) == ("1" if champion else None)
