"""The API's image: answers a golden request from inside, holds little, ends when told to."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from api_server import golden_rows
from containers import ROOT, Container, api_flags, image, podman, run_once, running

if TYPE_CHECKING:
    from creditrisk.mlops.bundle import Bundle

ASK = """
import json, sys, urllib.request as r
asked = json.load(sys.stdin)
headers = {"Content-Type": "application/json", "X-API-Key": asked["key"]}
url = "http://127.0.0.1:8000" + asked["path"]
body = json.dumps(asked["body"]).encode() if asked["body"] else None
print(r.urlopen(r.Request(url, data=body, headers=headers), timeout=60).read().decode())
"""
NOT_IN_THE_API = [
    *(
        "dvc",
        "evidently",
        "ibis",
        "matplotlib",
        "mlflow",
        "nltk",
        "optbinning",
        "pandas",
        "pandera",
    ),
    *("plotly", "skops", "sklearn", "statsmodels"),
    *(
        "bandit",
        "hatchling",
        "hypothesis",
        "mypy",
        "pip",
        "pytest",
        "ruff",
        "setuptools",
        "uv",
        "wheel",
    ),
]


def ask(api: Container, key: str, path: str, body: object = None) -> dict[str, object]:
    """The API's answer to a request that comes from inside its container."""
    asked = json.dumps({"key": key, "path": path, "body": body})
    answer: dict[str, object] = json.loads(api.python(ASK, asked))
    return answer


def test_golden_predictions_come_back_to_the_last_bit(
    api: Container, bundle: Bundle, keys: tuple[Path, str]
) -> None:
    """The PDs that were sealed with the bundle, through the image's interpreter and libraries."""
    rows = golden_rows(bundle.folder)[:5]
    answer = ask(api, keys[1], "/predict", {"features": [row for row, _ in rows]})
    predictions = answer["predictions"]
    assert isinstance(predictions, list)
    assert [each["probability"] for each in predictions] == [pd for _, pd in rows]


def test_it_says_which_bundle_it_serves(
    api: Container, bundle: Bundle, keys: tuple[Path, str]
) -> None:
    """`/metadata` names the required hash."""
    assert bundle.sha256 in json.dumps(ask(api, keys[1], "/metadata"))


def test_it_runs_without_rights(api: Container) -> None:
    """No root, no capability, no file of its own that it could change."""
    seen = api.python(
        "import os, pathlib\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "print(os.getuid(), os.getgid(), status.split('CapEff:')[1].split()[0])\n"
        "places = ['/app', '/opt/libraries', '/opt/creditrisk', '/etc']\n"
        "print([place for place in places if os.access(place, os.W_OK)])"
    )
    assert seen.split("\n")[:2] == ["10001 10001 0000000000000000", "[]"]


def test_it_holds_no_trainer_and_no_tools(api: Container) -> None:
    """None of them can be imported, and each library is one of serve.lock."""
    found = api.python(
        "import importlib.util as u\n"
        f"print([name for name in {NOT_IN_THE_API!r} if u.find_spec(name)])"
    )
    assert found.strip() == "[]"
    installed = api.python(
        "import importlib.metadata as m, re\n"
        "names = {d.metadata['Name'] for d in m.distributions(path=['/opt/creditrisk',\n"
        "    *__import__('glob').glob('/opt/libraries/lib/python*/site-packages')])}\n"
        "print(*sorted(re.sub('[-_.]+', '-', name).lower() for name in names))"
    )
    lock = (ROOT / "requirements/serve.lock").read_text()
    locked = set(re.findall(r"^([a-z0-9.-]+)(?:\[[^\]]*\])?==", lock, re.MULTILINE))
    assert set(installed.split()) - {"creditrisk"} <= locked
    assert len(installed.split()) > 30


def test_sigterm_ends_it_in_order(bundle: Bundle, keys: tuple[Path, str]) -> None:
    """Exit code 0 and no trace: what was accepted was answered."""
    with running("api", *api_flags(bundle.folder, bundle.sha256, keys[0])) as container:
        container.wait_until_healthy()
        podman("kill", "--signal", "TERM", container.name)
        assert container.exit_code() == 0, container.log
        assert "Traceback" not in container.log


def test_sigterm_ends_it_while_it_starts(bundle: Bundle, keys: tuple[Path, str]) -> None:
    """The init hands it on before Python could handle it; nobody waits for a kill."""
    with running("api", *api_flags(bundle.folder, bundle.sha256, keys[0])) as container:
        podman("kill", "--signal", "TERM", container.name)
        assert container.exit_code() in {0, 143}


@pytest.mark.parametrize("tampered", ["booster.txt", "manifest.json"])
def test_a_tampered_bundle_is_refused(
    bundle: Bundle, keys: tuple[Path, str], tmp_path: Path, tampered: str
) -> None:
    """It ends at once with exit code 1 and says which file is not the required one."""
    changed = shutil.copytree(bundle.folder, tmp_path / "changed")
    with (changed / tampered).open("a") as stream:
        stream.write(" ")
    with running("api", *api_flags(changed, bundle.sha256, keys[0])) as container:
        assert container.exit_code() == 1
        assert f"SHA-256 of {tampered}" in container.log


def test_without_a_bundle_it_does_not_start(keys: tuple[Path, str]) -> None:
    """No model is baked in."""
    flags = ("--env", "CREDITRISK_LEDGER_KEY=" + "ab" * 32, "--volume", f"{keys[0]}:/keys.json:ro")
    with running("api", *flags, "--env", "CREDITRISK_API_KEYS_FILE=/keys.json") as container:
        assert container.exit_code() == 1
        assert "has no champion" in container.log


def test_the_registry_is_not_its_source() -> None:
    """Without MLflow it says what can fetch from there."""
    command = (
        "fetch-bundle",
        "--source",
        "models:/CreditRiskPD@champion",
        "--out",
        "/app/models/b",
    )
    process = podman("run", "--rm", image("api"), *command, check=False)
    assert process.returncode == 1
    assert "batch image" in process.stderr


@pytest.mark.parametrize("service", ["api", "batch"])
def test_the_image_says_what_it_is(service: str) -> None:
    """Labels, user, volumes and the signal that ends it; no secret among its variables."""
    (seen,) = json.loads(podman("image", "inspect", image(service)).stdout)
    config = seen["Config"]
    labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items()}
    assert labels["title"] == f"creditrisk-{service}"
    assert re.fullmatch("[0-9a-f]{40}|unknown", labels["revision"])
    assert labels["version"][0].isdigit()
    assert (config["User"], config["StopSignal"]) == ("10001:10001", "SIGTERM")
    assert "/app/ledger" in config["Volumes"]
    assert not [each for each in config["Env"] if re.search("PASSWORD|TOKEN|_KEY=", each)]


def test_it_tells_its_version() -> None:
    """The command is there without a model, too."""
    assert run_once("api", command=("--version",)).startswith("creditrisk ")
