"""What a model is on disk, and what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulated_lending import FEATURES, SNAPSHOT, fitted, sealed, tables, unseen

from creditrisk.contracts.requests import RequestChecks
from creditrisk.core.errors import MissingFile
from creditrisk.core.settings import ContractSettings, PolicySettings
from creditrisk.mlops import bundle as bundle_module
from creditrisk.mlops.bundle import Bundle, seal
from creditrisk.mlops.deployment import smoke_requests
from creditrisk.mlops.errors import (
    BundleRefused,
    ChangedBundleFile,
    ForeignRequestContract,
    MissingBundleFiles,
    UnlistedBundleFiles,
    UnreadableBundleFile,
    UnreadableManifest,
    UnsafeBundleName,
    UnsupportedBundleFormat,
)
from creditrisk.models.errors import FormsDisagree, NoApprovedApplicants, ProhibitedInputs
from creditrisk.models.serving import MODEL_FILES
from payloads import request_contract

every_model = pytest.mark.parametrize("model_type", MODEL_FILES)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sealed bundle; tests only read it."""
    return sealed(tmp_path_factory.mktemp("bundle")).folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    """A copy of a sealed bundle, to tamper with."""
    return Path(shutil.copytree(pristine, tmp_path / "credit_risk_pd"))


def rewrite_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest as an attacker would, who can write JSON."""
    path = folder / "manifest.json"
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))


@every_model
def test_a_sealed_bundle_loads(model_type: str, tmp_path: Path) -> None:
    """What was sealed is read back: manifest, both forms, and the same PDs in each."""
    bundle = sealed(tmp_path, model_type)
    assert bundle.manifest.model_type == model_type
    expected = bundle.pipeline().predict_proba(unseen().to_pandas())[:, 1]
    assert np.array_equal(bundle.serving_form().probabilities(unseen()), expected)


def test_the_manifest_says_what_was_trained(pristine: Path) -> None:
    """Features in order, threshold, calibration, data and source are on record."""
    model, manifest = fitted(), Bundle.load(pristine).manifest
    assert manifest.features == FEATURES
    assert manifest.threshold == model.threshold
    assert manifest.calibration == model.classifier.calibration
    assert manifest.snapshot == SNAPSHOT
    assert manifest.best_iteration == model.best_iteration
    assert manifest.params == model.settings.model_dump(mode="json")


def objections(bundle: Bundle, body: dict[str, Any]) -> set[str]:
    """The rules of the sealed contract that a request breaks."""
    checks = RequestChecks(bundle.request_contract(), [feature.name for feature in FEATURES])
    errors, warnings = checks.violations(json.dumps(body).encode())
    return {violation.rule for violation in (*errors, *warnings)}


# Unlike any lender's, simulated applicants may have no kind of income.
SIMULATED = {"features.NAME_INCOME_TYPE.not_null"}


def test_requests_are_checked_by_the_sealed_contract(pristine: Path) -> None:
    """The contract in the bundle is that of this version; the examples keep it."""
    bundle = Bundle.load(pristine)
    examples = bundle.request_examples()
    assert bundle.request_contract() == request_contract()
    assert objections(bundle, examples["applications"]) == set()
    assert objections(bundle, examples["features"]) <= SIMULATED


def with_contract(folder: Path, content: bytes) -> Bundle:
    """The bundle with another contract of requests, sealed by its manifest all the same."""
    (folder / "request_contract.json").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    rewrite_manifest(
        folder, lambda fields: fields["files"].update({"request_contract.json": digest})
    )
    return Bundle.load(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"tables": 3}', b"\xff", b'{"rules": {}}'])
def test_a_contract_of_another_form_is_refused(folder: Path, content: bytes) -> None:
    """What this version cannot read is named with the bundle, and what to do about it."""
    with pytest.raises(UnreadableBundleFile, match=r"request_contract\.json is not") as refusal:
        with_contract(folder, content).request_contract()
    assert str(folder) in str(refusal.value)
    assert "pydantic" not in str(refusal.value)


def without_feature(contract: dict[str, Any]) -> None:
    columns = contract["features"]["columns"]
    contract["features"]["columns"] = [one for one in columns if one["name"] != "EXT_SOURCE_2"]


def without_column_of_a_rule(contract: dict[str, Any]) -> None:
    application = contract["tables"][0]
    needed = application["row_rules"][0]["columns"][0]
    application["columns"] = [one for one in application["columns"] if one["name"] != needed]


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        (lambda contract: contract["tables"].pop(), "table credit_card_balance"),
        (without_feature, r"column features\.EXT_SOURCE_2"),
        (without_column_of_a_rule, r"column application\."),
    ],
)
def test_a_contract_of_other_requests_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], None], lacking: str
) -> None:
    """A contract without a table or feature that the model needs would refuse every applicant."""
    contract = json.loads((folder / "request_contract.json").read_text())
    change(contract)
    with pytest.raises(ForeignRequestContract, match=lacking):
        with_contract(folder, json.dumps(contract).encode()).request_contract()


def test_a_bundle_without_a_contract_answers_no_requests(folder: Path) -> None:
    """A bundle of before has none, and says so."""
    (folder / "request_contract.json").unlink()
    rewrite_manifest(folder, lambda fields: fields["files"].pop("request_contract.json"))
    with pytest.raises(MissingBundleFiles, match=r"request_contract\.json missing"):
        Bundle.load(folder).request_contract()


def test_smoke_requests_keep_the_sealed_contract(pristine: Path) -> None:
    """What a deployment posts first is not refused."""
    bundle = Bundle.load(pristine)
    for request in smoke_requests(bundle):
        assert objections(bundle, request.body.model_dump()) <= SIMULATED


def test_a_relaxed_rule_is_relaxed_in_requests_too(tmp_path: Path) -> None:
    """The settings with which training data was checked are sealed with the model."""
    relaxed = ContractSettings(relaxed_rules={"features.AMT_CREDIT.range": "a trial"})
    bundle = seal(fitted(), tables(), SNAPSHOT, tmp_path / "bundle", contracts=relaxed)
    rules = {rule.id: rule for rule in bundle.request_contract().features.rules}
    assert rules["features.AMT_CREDIT.range"].level == "warning"


def test_the_manifest_lists_every_other_file(pristine: Path) -> None:
    """Each file beside the manifest has its hash there."""
    expected = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in pristine.iterdir()
        if path.name != "manifest.json"
    }
    assert Bundle.load(pristine).manifest.files == expected


def test_the_bundle_s_hash_is_the_manifest_s(pristine: Path) -> None:
    """One hash stands for all files, since the manifest holds theirs."""
    content = (pristine / "manifest.json").read_bytes()
    assert Bundle.load(pristine).sha256 == hashlib.sha256(content).hexdigest()


def test_sealing_twice_gives_the_same_bytes(pristine: Path, tmp_path: Path) -> None:
    """The manifest depends on nothing but the model."""
    assert sealed(tmp_path).sha256 == Bundle.load(pristine).sha256


def test_golden_predictions_are_reproduced(pristine: Path) -> None:
    """The sealed rows have the sealed PDs, exactly."""
    bundle = Bundle.load(pristine)
    golden = bundle.golden_predictions()
    table = bundle_module.table_of(golden.rows, FEATURES)
    assert tuple(bundle.serving_form().probabilities(table)) == golden.probabilities
    assert tuple(bundle.serving_form().raw_scores(table)) == golden.raw_scores
    assert len(golden.rows) == 50


@every_model
def test_the_references_are_sealed(model_type: str, tmp_path: Path) -> None:
    """The bundle holds whom applicants are compared with, and what later data is compared with."""
    bundle = sealed(tmp_path, model_type)
    reference, monitoring = bundle.reference_population(), bundle.monitoring_reference()
    assert [feature.name for feature in reference.features] == [f.name for f in FEATURES]
    assert 0 < reference.rows < tables().calibration.num_rows
    assert monitoring.rows == tables().train.num_rows


def test_what_was_prohibited_is_on_record(pristine: Path) -> None:
    """The manifest names each feature left out, the column it reads and who prohibits it."""
    prohibited = Bundle.load(pristine).manifest.prohibited
    assert prohibited["NAME_FAMILY_STATUS"].column == "NAME_FAMILY_STATUS"
    assert prohibited["NAME_FAMILY_STATUS"].jurisdictions == ("US",)
    assert prohibited["TOT_MISSING_COUNT"].column == "CODE_GENDER"


def test_a_model_that_reads_what_is_prohibited_is_not_sealed(tmp_path: Path) -> None:
    """However it was trained, no bundle is written."""
    policy = PolicySettings(prohibited_inputs={"CNT_CHILDREN": ["EU"]})
    with pytest.raises(ProhibitedInputs, match=r"CNT_CHILDREN \(reads CNT_CHILDREN\)"):
        seal(fitted(), tables(), SNAPSHOT, tmp_path / "bundle", policy)
    assert not list(tmp_path.iterdir())


def test_a_policy_that_approves_nobody_seals_nothing(tmp_path: Path) -> None:
    """Without approved applicants a model could give no reasons."""
    policy = PolicySettings(approve_below=0.0001)
    with pytest.raises(NoApprovedApplicants, match=r"none has a PD below 0\.0001"):
        seal(fitted(), tables(), SNAPSHOT, tmp_path / "bundle", policy)
    assert not list(tmp_path.iterdir())


def test_the_input_example_has_every_feature(pristine: Path) -> None:
    """A caller sees what a row looks like."""
    rows = Bundle.load(pristine).input_example().rows
    assert all(list(row) == [feature.name for feature in FEATURES] for row in rows)


class OneBitOff:
    """A pipeline whose first PD differs from the model's in the last bit."""

    def predict_proba(self, rows: Any) -> np.ndarray:
        """The model's probabilities but for one bit."""
        pds = fitted().pipeline().predict_proba(rows)
        pds[0, 1] = np.nextafter(pds[0, 1], 1)
        return pds


def test_forms_that_disagree_are_not_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One differing bit in one PD, and no bundle is written."""
    monkeypatch.setattr(bundle_module, "load_pipeline", lambda _: OneBitOff())
    with pytest.raises(FormsDisagree, match="differ in 1 of 1500 PDs"):
        seal(fitted(), tables(), SNAPSHOT, tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_a_new_bundle_replaces_the_old_one(folder: Path) -> None:
    """Nothing of the former bundle stays."""
    (folder / "left_over.txt").write_text("old")
    assert seal(fitted("logistic"), tables(), SNAPSHOT, folder).manifest.model_type == "logistic"
    assert not (folder / "booster.txt").exists()


def test_no_bundle_is_reported_as_such(tmp_path: Path) -> None:
    """A folder without manifest names the remedy."""
    with pytest.raises(MissingFile, match="Run fit_model or dvc checkout"):
        Bundle.load(tmp_path)


def test_a_missing_file_is_refused(folder: Path) -> None:
    """Every listed file must be there."""
    (folder / "calibration.json").unlink()
    with pytest.raises(MissingBundleFiles, match=r"calibration\.json missing"):
        Bundle.load(folder)


def test_an_extra_file_is_refused(folder: Path) -> None:
    """What is not listed has no business in the folder."""
    (folder / "model.pkl").write_bytes(b"\x80\x04")
    with pytest.raises(UnlistedBundleFiles, match=r"does not list model\.pkl"):
        Bundle.load(folder)


def test_a_changed_byte_is_refused_in_any_file(pristine: Path, folder: Path) -> None:
    """One flipped bit in any listed file is noticed."""
    for name in Bundle.load(pristine).manifest.files:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        with pytest.raises(ChangedBundleFile, match=f"SHA-256 of {name}"):
            Bundle.load(folder)
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
    Bundle.load(folder)


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/hostname", "a/b", ".hidden", "", ".."])
def test_a_name_that_leaves_the_folder_is_refused(folder: Path, name: str) -> None:
    """A manifest can only list plain file names."""
    rewrite_manifest(folder, lambda fields: fields["files"].update({name: "0" * 64}))
    with pytest.raises(UnsafeBundleName, match="only plain file names"):
        Bundle.load(folder)


def test_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    """A listed file is a file, not a pointer to one elsewhere."""
    (folder / "calibration.json").rename(tmp_path / "elsewhere.json")
    (folder / "calibration.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(UnsafeBundleName, match=r"calibration\.json"):
        Bundle.load(folder)


@pytest.mark.parametrize("version", [0, 1, 2, 4, "3", None])
def test_another_format_is_refused(folder: Path, version: object) -> None:
    """A manifest of another format is not guessed at."""
    rewrite_manifest(folder, lambda fields: fields.update(format_version=version))
    with pytest.raises(UnsupportedBundleFormat, match=f"format {version!r}, this version reads 3"):
        Bundle.load(folder)


@pytest.mark.parametrize("content", ["{", "[]", '{"format_version": 3}'])
def test_a_manifest_that_is_none_is_refused(folder: Path, content: str) -> None:
    """Truncated or foreign JSON is refused by name."""
    (folder / "manifest.json").write_text(content)
    with pytest.raises((UnreadableManifest, UnsupportedBundleFormat), match=r"manifest\.json"):
        Bundle.load(folder)


def test_nothing_is_constructed_from_a_tampered_bundle(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashes are checked before any file is interpreted."""
    opened: list[bytes] = []
    monkeypatch.setattr(bundle_module, "load_pipeline", opened.append)
    (folder / "booster.txt").write_text("tampered")
    with pytest.raises(BundleRefused):
        Bundle.load(folder).pipeline()
    assert not opened
