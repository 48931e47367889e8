"""The batch image: fetches from the registry for the API, scores batches, runs the registry's server."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from api_server import golden_rows
from containers import api_flags, podman, run_once, running

from creditrisk.core.settings import RegistrySettings
from creditrisk.mlops import aliases, registry, tracking
from creditrisk.mlops.hold_out import HoldOut
from creditrisk.mlops.registry import MeasuredBundle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from creditrisk.mlops.bundle import Bundle

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")
LEDGER_KEY = ("--env", "CREDITRISK_LEDGER_KEY=" + "ab" * 32)


@pytest.fixture
def volume() -> Iterator[str]:
    """A volume that two containers share; an image's user owns it once one has mounted it."""
    name = f"creditrisk-test-{uuid.uuid4().hex[:12]}"
    podman("volume", "create", name)
    yield name
    podman("volume", "rm", "--force", name)


@pytest.fixture
def store(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an MLflow store whose champion is the bundle, readable by any user."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    for name in ("CI", "GITHUB_ACTIONS", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    settings = RegistrySettings(model_name="CreditRiskPD")
    measured = MeasuredBundle("test", bundle.sha256, {"roc_auc": 0.75})
    rule = HoldOut(seed=7, test_share=0.2)
    registered = registry.register(bundle, tracking.ensure_run(bundle), measured, rule, settings)
    version = registered.version or ""
    aliases.promote("CreditRiskPD", version, bundle_sha256=bundle.sha256, expected_champion=None)
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    return tmp_path


def test_what_it_fetches_from_the_registry_the_api_serves(
    bundle: Bundle, store: Path, volume: str, keys: tuple[Path, str]
) -> None:
    """As an init container beside the API: the champion comes by way of a shared volume."""
    shared = ("--volume", f"{volume}:/app/models")
    mlflow = ("--env", f"MLFLOW_TRACKING_URI=sqlite:///{store}/mlflow.db")
    fetch = ("fetch-bundle", "--source", "models:/CreditRiskPD@champion", "--sha256", bundle.sha256)
    told = run_once("batch", *shared, *mlflow, "--volume", f"{store}:{store}", command=fetch)
    assert bundle.sha256 in told
    flags = api_flags(bundle.folder, bundle.sha256, keys[0])
    fetched = ("--env", "CREDITRISK_BUNDLE_SOURCE=/app/models/bundle")
    with running("api", *flags, *fetched, *shared) as container:
        container.wait_until_healthy()


def test_it_scores_a_batch_as_the_model_was_sealed(bundle: Bundle, tmp_path: Path) -> None:
    """Golden rows from a mounted folder, their PDs to the last bit into another."""
    rows = golden_rows(bundle.folder)
    work = tmp_path / "work"
    work.mkdir(mode=0o777)
    work.chmod(0o777)
    pq.write_table(pa.Table.from_pylist([row for row, _ in rows]), work / "rows.parquet")
    mounts = ("--volume", f"{work}:/work", "--volume", f"{bundle.folder}:/bundle:ro", *LEDGER_KEY)
    files = ("--input", "/work/rows.parquet", "--output", "/work/scored.parquet")
    run_once("batch", *mounts, command=("batch-predict", *files, "--bundle", "/bundle"))
    scored = pq.read_table(work / "scored.parquet")
    assert scored.column("probability").to_pylist() == [pd for _, pd in rows]


def test_it_holds_no_development_tools() -> None:
    """Nothing of the group that only tests and checks need, and no installer."""
    tools = "bandit hypothesis mypy pip pytest ruff schemathesis sqlfluff uv zizmor"
    code = f"import importlib.util as u; print([n for n in {tools.split()!r} if u.find_spec(n)])"
    seen = run_once("batch", "--entrypoint", "python", command=("-I", "-c", code))
    assert seen.strip() == "[]"


def test_it_runs_mlflow_s_server_with_postgresql_and_s3() -> None:
    """What compose.yaml starts of it, and the drivers that its addresses name, are there."""
    code = "import boto3, psycopg, s3fs, mlflow.cli"
    run_once("batch", "--entrypoint", "python", command=("-c", code))
