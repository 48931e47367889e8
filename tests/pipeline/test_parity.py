"""One applicant, one answer: from training's files, from a table and from a request, bit by bit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from api_server import running
from pyarrow import parquet

from creditrisk.contracts.tables import APPLICANT_KEY, TARGET
from creditrisk.core.settings import (
    ContractSettings,
    FitModelSettings,
    PolicySettings,
    ResourceSettings,
    Settings,
    SyntheticSettings,
)
from creditrisk.data.sources.location import Location
from creditrisk.data.synthetic import generate_portfolio
from creditrisk.features.feature_store import build_feature_store, validation_runner
from creditrisk.features.metadata import FeatureMetadata
from creditrisk.features.request_features import RequestFeatures
from creditrisk.mlops.bundle import Bundle, TrainingSnapshot, seal
from creditrisk.mlops.served import unregistered
from creditrisk.models.training import TrainingTables, model_features, train
from creditrisk.scoring.answers import Answer, DecisionMaker
from creditrisk.scoring.batch.job import run_batch
from creditrisk.scoring.batch.request import BatchModel, BatchRequest
from creditrisk.scoring.scorer import Scorer
from payloads import application_payload, request_checks

if TYPE_CHECKING:
    import pyarrow as pa

APPLICANTS = 1_000
BATCH_SIZES = (1, 2, 7, 32, 100)
POLICY = PolicySettings()
Row = dict[str, Any]

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class World:
    """A generated portfolio, the feature table that training makes of it, and a model of that."""

    raw: Path
    features: pa.Table
    bundle: Bundle

    @property
    def ids(self) -> list[int]:
        """The applicants in the order of the table."""
        ids: list[int] = self.features.column(APPLICANT_KEY).to_pylist()
        return ids


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """What training makes of 1,000 applicants; tests only read it."""
    folder = tmp_path_factory.mktemp("world")
    settings = SyntheticSettings(applicants=APPLICANTS)
    generate_portfolio(folder / "raw", folder / "truth", settings, threads=1)
    verdict = build_feature_store(
        folder / "raw",
        folder / "features.parquet",
        folder / "metadata.json",
        validation_out=folder / "verdict.json",
        summary_out=folder / "summary.json",
        resources=ResourceSettings(threads=2),
        runner=validation_runner(ContractSettings()),
    )
    assert verdict.status == "passed"
    table = parquet.read_table(folder / "features.parquet")
    metadata = FeatureMetadata.read(folder / "metadata.json")
    return World(folder / "raw", table.drop([TARGET]), sealed(table, metadata, folder / "bundle"))


def sealed(table: pa.Table, metadata: FeatureMetadata, folder: Path) -> Bundle:
    """A small model of the first rows of the table."""
    tables = TrainingTables(
        train=table.slice(0, 600), validation=table.slice(600, 200), calibration=table.slice(800)
    )
    snapshot = TrainingSnapshot(
        sql=metadata.sql_sha256,
        catalogue=metadata.catalogue_sha256,
        feature_store="0" * 64,
        splits=dict.fromkeys(("train", "validation", "calibration"), "1" * 64),
    )
    settings = FitModelSettings(max_trees=60, early_stopping_rounds=20)
    model = train(tables, model_features(metadata, [], POLICY), settings, threads=1)
    return seal(model, tables, snapshot, folder, POLICY)


@pytest.fixture(scope="module")
def applications(world: World) -> list[Row]:
    """The raw rows of every applicant as a caller would post them."""
    return application_payload(world.raw, world.ids)["applications"]


@pytest.fixture(scope="module")
def requested(applications: Sequence[Row]) -> list[Row]:
    """The features of every applicant from requests of all sizes."""
    rows: list[Row] = []
    engine = RequestFeatures()
    for batch in batches(applications):
        rows += feature_rows(engine, batch)
    engine.close()
    return rows


@pytest.fixture(scope="module")
def answers(world: World, requested: Sequence[Row]) -> list[Answer]:
    """The answer of every applicant, from requests of all sizes."""
    maker = DecisionMaker(Scorer(world.bundle, world.bundle.serving_form()), POLICY)
    return [answer for batch in batches(requested) for answer in maker.decide_records(batch)]


def batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    start = 0
    for size in cycle(BATCH_SIZES):
        if start >= len(rows):
            return
        yield rows[start : start + size]
        start += size


def feature_rows(engine: RequestFeatures, applications: Sequence[Row]) -> list[Row]:
    """The features of applications that went through JSON and the checks of requests."""
    body = json.dumps({"applications": applications}).encode()
    return engine.rows(request_checks().applications(body).tables)


def typed(row: Mapping[str, Any]) -> dict[str, tuple[type, str]]:
    """Every cell with its type and all its digits."""
    return {name: (type(cell), repr(cell)) for name, cell in row.items()}


def test_a_request_gets_the_features_of_training(world: World, requested: list[Row]) -> None:
    """Names, order, types, nulls and every bit are those of the feature table."""
    trained = world.features.to_pylist()
    assert [list(row) for row in requested] == [list(row) for row in trained]
    assert [typed(row) for row in requested] == [typed(row) for row in trained]


def test_all_at_once_get_the_same_features(applications: list[Row], requested: list[Row]) -> None:
    """The largest request gives each applicant what a small one gives."""
    engine = RequestFeatures()
    rows = feature_rows(engine, applications)
    engine.close()
    assert [typed(row) for row in rows] == [typed(row) for row in requested]


def test_a_request_gets_the_pd_of_the_table_and_of_the_pipeline(
    world: World, answers: list[Answer]
) -> None:
    """The PD of each applicant is the same from a request, from a table and in training's form."""
    asked = np.array([answer.probability for answer in answers])
    assert [answer.sk_id_curr for answer in answers] == world.ids
    assert np.array_equal(asked, world.bundle.serving_form(threads=2).probabilities(world.features))
    frame = world.features.select([f.name for f in world.bundle.manifest.features]).to_pandas()
    assert np.array_equal(asked, world.bundle.pipeline().predict_proba(frame)[:, 1])


def test_a_request_gets_the_reasons_of_the_table(world: World, answers: list[Answer]) -> None:
    """Reasons of a refer or a decline are those that the table gives, to the last bit."""
    scorer = Scorer(world.bundle, world.bundle.serving_form(threads=2))
    explained = scorer.explain(world.features)
    told = [
        (answer.reasons, tuple(reasons))
        for answer, reasons in zip(answers, explained, strict=True)
        if answer.decision != "approve"
    ]
    assert len(told) > APPLICANTS / 20
    assert [reasons for reasons, _ in told] == [reasons for _, reasons in told]


def test_a_batch_of_the_raw_tables_gets_the_same(
    world: World, answers: list[Answer], tmp_path: Path
) -> None:
    """A batch from the folder of raw tables answers each applicant as a request does."""
    request = BatchRequest(
        input=Location(str(world.raw)),
        output=Location(str(tmp_path / "out.parquet")),
        rejects=Location(str(tmp_path / "rejects.csv")),
        summary=Location(str(tmp_path / "summary.json")),
        applications="application_train.csv",
        reasons=True,
    )
    model = BatchModel(
        Scorer(world.bundle, world.bundle.serving_form()), unregistered(world.bundle)
    )
    run_batch(request, model, Settings(policy=POLICY), None)
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row[APPLICANT_KEY] for row in rows] == [answer.sk_id_curr for answer in answers]
    for column in ("probability", "prediction", "decision", "grade"):
        assert [row[column] for row in rows] == [getattr(answer, column) for answer in answers]
    assert [json.loads(row["reasons"] or "[]") for row in rows] == [
        [asdict(reason) for reason in answer.reasons] for answer in answers
    ]


def test_the_api_answers_the_same(
    world: World, applications: list[Row], answers: list[Answer], tmp_path: Path
) -> None:
    """A server process answers each raw application as training and batch do, reasons included."""
    with (
        running(tmp_path, "--bundle", str(world.bundle.folder)) as api,
        api.client as client,
    ):
        told: list[Row] = []
        for batch in batches(applications):
            told += client.post("/predict", json={"applications": batch}).json()["predictions"]
    for column in ("probability", "prediction", "decision", "grade"):
        assert [row[column] for row in told] == [getattr(answer, column) for answer in answers]
    assert [row["reasons"] for row in told] == [
        [asdict(reason) for reason in answer.reasons] for answer in answers
    ]
