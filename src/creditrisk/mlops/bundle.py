"""What a model is on disk: a folder of files, each vouched for by a manifest of hashes."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from creditrisk.contracts.request_contract import APPLICATION, PARENTS, RequestContract
from creditrisk.contracts.runner import ValidationRunner
from creditrisk.contracts.tables import APPLICANT_KEY
from creditrisk.core.errors import MissingFile, validation_problems
from creditrisk.core.files import atomic_folder
from creditrisk.core.report import Report
from creditrisk.core.settings import ContractSettings, PolicySettings
from creditrisk.features.catalogue import load_catalogue, prohibited_features
from creditrisk.mlops.errors import (
    ChangedBundleFile,
    ForeignRequestContract,
    MissingBundleFiles,
    UnlistedBundleFiles,
    UnreadableBundleFile,
    UnreadableManifest,
    UnsafeBundleName,
    UnsupportedBundleFormat,
)
from creditrisk.mlops.golden import GoldenPredictions, InputExample, made_up_rows, table_of
from creditrisk.mlops.monitoring_reference import MonitoringReference, monitoring_reference
from creditrisk.mlops.provenance import library_versions, source_sha256
from creditrisk.models.calibration import AffineCalibration
from creditrisk.models.encoding import FeatureEncoding, ModelFeature
from creditrisk.models.errors import FormsDisagree, ProhibitedInputs
from creditrisk.models.explanation import ReferencePopulation
from creditrisk.models.pipeline_file import dump_pipeline, load_pipeline
from creditrisk.models.reference import reference_population
from creditrisk.models.serving import ServingForm, serving_files
from creditrisk.models.training import FittedModel, SideSummary, Threshold, TrainingTables

if TYPE_CHECKING:
    import pyarrow as pa

BUNDLE_FORMAT = 3
MANIFEST_FILE = "manifest.json"
PIPELINE_FILE = "pipeline.skops"
INPUT_EXAMPLE_FILE = "input_example.json"
GOLDEN_FILE = "golden_predictions.json"
REFERENCE_FILE = "reference.json"
MONITORING_FILE = "monitoring_reference.json"
REQUEST_CONTRACT_FILE = "request_contract.json"
GOLDEN_ROWS = 50
EXAMPLE_ROWS = 3
DEFAULT_POLICY = PolicySettings()
DEFAULT_CONTRACTS = ContractSettings()
_Form = TypeVar("_Form", bound=BaseModel)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class TrainingSnapshot(BaseModel):
    """The data that a model was trained on, by SHA-256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    raw: dict[str, str] = {}
    sql: dict[str, str] = {}
    catalogue: str
    feature_store: str
    splits: dict[str, str]


class ProhibitedInput(BaseModel):
    """The raw column for which a feature was left out, and the jurisdictions that prohibit it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    jurisdictions: tuple[str, ...]


class BundleManifest(Report):
    """All that is known of a sealed model. It holds no time, host, path, run id or thread count.

    `prohibited` are the features that the model was not allowed to read.
    """

    format_version: Literal[3] = 3
    model_type: Literal["lightgbm", "xgboost", "logistic", "scorecard"]
    features: tuple[ModelFeature, ...]
    prohibited: dict[str, ProhibitedInput]
    feature_set_sha256: str
    threshold: Threshold
    calibration: AffineCalibration
    params: dict[str, Any]
    best_iteration: int
    sides: dict[str, SideSummary]
    snapshot: TrainingSnapshot
    libraries: dict[str, str]
    source_sha256: str
    files: dict[str, str]


@dataclass(frozen=True)
class Bundle:
    """A verified bundle: the contents are the bytes whose hashes were checked."""

    folder: Path
    manifest: BundleManifest
    sha256: str
    contents: Mapping[str, bytes]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a bundle and check every file's hash; nothing in it is run.

        Raises:
            MissingFile: the folder holds no manifest.
            BundleRefused: the folder is not exactly what was sealed.
        """
        path = folder / MANIFEST_FILE
        if not path.is_file():
            raise MissingFile(path, "loading a model", "Run fit_model or dvc checkout.")
        content = path.read_bytes()
        manifest = _parsed_manifest(folder, content)
        _check_names(folder, manifest)
        contents = {
            name: _verified(folder, name, digest) for name, digest in manifest.files.items()
        }
        return cls(folder, manifest, hashlib.sha256(content).hexdigest(), contents)

    def pipeline(self) -> Any:
        """The sklearn Pipeline."""
        return load_pipeline(self.contents[PIPELINE_FILE])

    def serving_form(self, threads: int = 1) -> ServingForm:
        """The form that scores without sklearn and pandas."""
        return ServingForm.parse(self.manifest.model_type, self.contents, threads)

    def golden_predictions(self) -> GoldenPredictions:
        """The rows whose scores prove that the model still is what it was."""
        return self._read(GOLDEN_FILE, GoldenPredictions)

    def input_example(self) -> InputExample:
        """A few made-up rows in the form that a caller sends."""
        return self._read(INPUT_EXAMPLE_FILE, InputExample)

    def request_examples(self) -> dict[str, dict[str, Any]]:
        """A made-up body of each form of a scoring request that keeps its contract."""
        rows = self.input_example().rows
        numbered = [{APPLICANT_KEY: number, **row} for number, row in enumerate(rows, 1)]
        return {"applications": self.request_contract().example, "features": {"features": numbered}}

    def reference_population(self) -> ReferencePopulation:
        """The approved applicants with whom an applicant is compared."""
        return self._read(REFERENCE_FILE, ReferencePopulation)

    def monitoring_reference(self) -> MonitoringReference:
        """The training side in counts, with which later data is compared."""
        return self._read(MONITORING_FILE, MonitoringReference)

    def request_contract(self) -> RequestContract:
        """The rules that a scoring request must keep: those of training, without Pandera.

        Raises:
            MissingBundleFiles, UnreadableBundleFile: there are none, or of another version.
            ForeignRequestContract: they are about other tables or features than the model's.
        """
        contract = self._read(REQUEST_CONTRACT_FILE, RequestContract)
        missing = _missing_from(contract, [feature.name for feature in self.manifest.features])
        if missing:
            raise ForeignRequestContract(self.folder, REQUEST_CONTRACT_FILE, missing)
        return contract

    def _read(self, name: str, form: type[_Form]) -> _Form:
        if name not in self.contents:
            raise MissingBundleFiles(self.folder, [name])
        try:
            return form.model_validate_json(self.contents[name])
        except ValidationError as error:
            raise UnreadableBundleFile(self.folder, name, validation_problems(error)) from error


def listed_files(folder: Path, manifest: bytes) -> Mapping[str, str]:
    """The SHA-256 of each file of a bundle, by a manifest that is to lie in a folder.

    Raises:
        BundleRefused: the manifest cannot be read, or a name in it could point elsewhere.
    """
    parsed = _parsed_manifest(folder, manifest)
    _check_plain(folder, parsed)
    return parsed.files


def _missing_from(contract: RequestContract, features: Sequence[str]) -> list[str]:
    """What a contract would need to be about requests to this model, and does not have."""
    tables = {table.name for table in contract.tables}
    missing = [f"table {name}" for name in (APPLICATION, *PARENTS) if name not in tables]
    for table in (*contract.tables, contract.features):
        columns = {column.name for column in table.columns}
        needed = [name for rule in (*table.row_rules, *table.group_rules) for name in rule.columns]
        needed += [name for rule in table.group_rules for name in rule.key]
        needed += features if table is contract.features else table.inherited
        lacking = sorted({*needed} - columns)
        missing += [f"column {table.name}.{name}" for name in lacking]
    return missing


def seal(
    model: FittedModel,
    tables: TrainingTables,
    snapshot: TrainingSnapshot,
    folder: Path,
    policy: PolicySettings = DEFAULT_POLICY,
    *,
    contracts: ContractSettings = DEFAULT_CONTRACTS,
) -> Bundle:
    """Write the bundle, once both forms of the model are shown to give the same PDs.

    Raises:
        ProhibitedInputs: the model reads what the policy prohibits.
        FormsDisagree: a PD differs in some bit on the validation or calibration rows.
        NoApprovedApplicants, UncataloguedFeatures: the model could give no reasons.
        UnknownRule: a rule is relaxed that does not exist.
    """
    prohibited = _prohibited(model.encoding.names, policy)
    contents = {
        PIPELINE_FILE: dump_pipeline(model.pipeline()),
        **serving_files(
            model.settings.model_type,
            model.encoding,
            model.classifier.calibration,
            model.classifier.model_text_,
        ),
    }
    threads = os.cpu_count() or 1  # tests hold that their number changes no bit
    form = ServingForm.parse(model.settings.model_type, contents, threads)
    pipeline = load_pipeline(contents[PIPELINE_FILE])
    for table in (tables.validation, tables.calibration):
        prove_forms_agree(pipeline, form, table)
    contents |= _examples(form, tables.calibration, model.settings.seed)
    contents |= _references(form, tables, policy)
    contents |= _request_contract(tuple(contracts.relaxed_rules.items()))
    manifest = _manifest(model, snapshot, prohibited, contents)
    with atomic_folder(folder) as temporary:
        for name, content in contents.items():
            (temporary / name).write_bytes(content)
        manifest.write(temporary / MANIFEST_FILE)
    return Bundle.load(folder)


def prove_forms_agree(pipeline: Any, form: ServingForm, table: pa.Table) -> None:
    """Compare the PDs of both forms, bit by bit.

    Raises:
        FormsDisagree: they differ.
    """
    frame = table.select(form.encoding.names).to_pandas()
    expected = pipeline.predict_proba(frame)[:, 1]
    seen = form.probabilities(table)
    differing = int(np.count_nonzero(expected != seen))
    if differing:
        raise FormsDisagree(len(seen), differing, float(np.abs(expected - seen).max()))


def feature_set_sha256(features: tuple[ModelFeature, ...]) -> str:
    """SHA-256 of the features' names, types and categories in order."""
    encoding = FeatureEncoding(features=features)
    return hashlib.sha256(encoding.model_dump_json().encode()).hexdigest()


def _examples(form: ServingForm, table: pa.Table, seed: int) -> dict[str, bytes]:
    features = form.encoding.features
    rows = made_up_rows(table, features, GOLDEN_ROWS, seed)
    made_up = table_of(rows, features)
    golden = GoldenPredictions(
        rows=rows,
        raw_scores=tuple(form.raw_scores(made_up).tolist()),
        probabilities=tuple(form.probabilities(made_up).tolist()),
    )
    example = InputExample(rows=rows[:EXAMPLE_ROWS])
    return _as_files({GOLDEN_FILE: golden, INPUT_EXAMPLE_FILE: example})


def _references(
    form: ServingForm, tables: TrainingTables, policy: PolicySettings
) -> dict[str, bytes]:
    """Whom applicants are compared with, and what later data is compared with."""
    return _as_files(
        {
            REFERENCE_FILE: reference_population(
                form, tables.calibration, load_catalogue(), policy
            ),
            MONITORING_FILE: monitoring_reference(form, tables.train),
        }
    )


@cache  # its derivation takes a second, the same one for each model of a process
def _request_contract(relaxed_rules: tuple[tuple[str, str], ...]) -> Mapping[str, bytes]:
    catalogue = load_catalogue()
    runner = ValidationRunner(
        ContractSettings(relaxed_rules=dict(relaxed_rules)),
        features=catalogue.columns(),
        feature_inputs=catalogue.inputs(),
    )
    return _as_files({REQUEST_CONTRACT_FILE: runner.request_contract(catalogue.descriptions())})


def _as_files(reports: Mapping[str, Report]) -> dict[str, bytes]:
    return {
        name: (report.model_dump_json(indent=1) + "\n").encode() for name, report in reports.items()
    }


def _prohibited(names: Sequence[str], policy: PolicySettings) -> dict[str, ProhibitedInput]:
    columns = prohibited_features(load_catalogue(), policy)
    if read := {name: columns[name] for name in names if name in columns}:
        raise ProhibitedInputs(read)
    return {
        feature: ProhibitedInput(
            column=column,
            jurisdictions=tuple(
                where for where in policy.prohibited_inputs[column] if where in policy.jurisdictions
            ),
        )
        for feature, column in columns.items()
    }


def _manifest(
    model: FittedModel,
    snapshot: TrainingSnapshot,
    prohibited: dict[str, ProhibitedInput],
    contents: Mapping[str, bytes],
) -> BundleManifest:
    return BundleManifest(
        model_type=model.settings.model_type,
        features=model.encoding.features,
        prohibited=prohibited,
        feature_set_sha256=feature_set_sha256(model.encoding.features),
        threshold=model.threshold,
        calibration=model.classifier.calibration,
        params=model.settings.model_dump(mode="json"),
        best_iteration=model.best_iteration,
        sides=model.sides,
        snapshot=snapshot,
        libraries=library_versions(model.settings.model_type),
        source_sha256=source_sha256(),
        files={name: hashlib.sha256(contents[name]).hexdigest() for name in sorted(contents)},
    )


def _parsed_manifest(folder: Path, content: bytes) -> BundleManifest:
    try:
        fields = json.loads(content)
    except ValueError as error:
        raise UnreadableManifest(folder, str(error)) from error
    version = fields.get("format_version") if isinstance(fields, dict) else None
    if version != BUNDLE_FORMAT:
        raise UnsupportedBundleFormat(folder, version, BUNDLE_FORMAT)
    try:
        return BundleManifest.model_validate_json(content)
    except ValidationError as error:
        raise UnreadableManifest(folder, validation_problems(error)[0]) from error


def _check_plain(folder: Path, manifest: BundleManifest) -> None:
    for name in manifest.files:
        if not _PLAIN_NAME.fullmatch(name) or name == MANIFEST_FILE:
            raise UnsafeBundleName(folder, name)


def _check_names(folder: Path, manifest: BundleManifest) -> None:
    _check_plain(folder, manifest)
    present = {path.name for path in folder.iterdir()} - {MANIFEST_FILE}
    missing = sorted(set(manifest.files) - present)
    if missing:
        raise MissingBundleFiles(folder, missing)
    unlisted = sorted(present - set(manifest.files))
    if unlisted:
        raise UnlistedBundleFiles(folder, unlisted)


def _verified(folder: Path, name: str, required: str) -> bytes:
    path = folder / name
    if path.is_symlink() or not path.is_file():
        raise UnsafeBundleName(folder, name)
    content = path.read_bytes()
    seen = hashlib.sha256(content).hexdigest()
    if seen != required:
        raise ChangedBundleFile(folder, name, seen, required)
    return content
