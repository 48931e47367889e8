"""compose.yaml: what it names exists, what its scripts write is what it reads, as far as that runs here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.yaml").read_text()
STACK: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
OURS = {name for name, service in SERVICES.items() if "build" in service}
SECRETS = ROOT / "deploy/compose/secrets"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of secrets as `make stack` writes it."""
    folder = tmp_path_factory.mktemp("stack")
    (folder / "manifest.json").write_text("{}")
    prepare(folder)
    return folder / "secrets"


def prepare(folder: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CREDITRISK_")}
    command = [ROOT / "deploy/compose/prepare.sh", folder / "secrets", folder / "manifest.json"]
    subprocess.run(command, env={**environment, "PATH": path}, check=True, capture_output=True)


def mounts(service: str) -> list[str]:
    """The paths of this repository that a service mounts."""
    sources = [str(each).split(":")[0] for each in SERVICES[service].get("volumes", [])]
    return [source for source in sources if source.startswith(".")]


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_mounted_or_built_exists(service: str, prepared: Path) -> None:
    """Each file is in the repository, or prepare.sh writes it; each volume is declared."""
    for source in mounts(service):
        path = (ROOT / source).resolve()
        made = path == ROOT / "models" or (
            path.parent == SECRETS and (prepared / path.name).exists()
        )
        assert path.exists() or made, path
    named = {str(each).split(":")[0] for each in SERVICES[service].get("volumes", [])}
    assert {name for name in named if name.isidentifier()} <= set(STACK["volumes"])
    build = SERVICES[service].get("build")
    assert build is None or (ROOT / build["dockerfile"]).exists()


def test_every_variable_has_a_value(prepared: Path) -> None:
    """Each that compose.yaml reads without a default is in the file that prepare.sh writes."""
    read = set(re.findall(r"\$\{(\w+)\}", TEXT))
    lines = (prepared / "stack.env").read_text().splitlines()
    written = dict(line.split("=", 1) for line in lines)
    assert read == set(written)
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in written.values())


def test_secrets_last_and_the_model_s_hash_does_not(prepared: Path) -> None:
    """A second call keeps passwords and keys; another model is another hash."""
    kept = [prepared / name for name in ("passwords.env", "api_keys.json", "metrics_key")]
    before, stack = [path.read_bytes() for path in kept], (prepared / "stack.env").read_text()
    (prepared.parent / "manifest.json").write_text('{"another": 1}')
    prepare(prepared.parent)
    assert [path.read_bytes() for path in kept] == before
    assert (prepared / "stack.env").read_text() != stack


def test_nobody_else_reads_the_secrets(prepared: Path) -> None:
    """The folder is closed, and what stays out of containers is closed itself."""
    assert prepared.stat().st_mode & 0o077 == 0
    assert (prepared / "passwords.env").stat().st_mode & 0o077 == 0
    assert "/deploy/compose/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_ports_are_open_on_loopback_alone() -> None:
    """Nothing of the stack listens to other machines, and no port is taken twice."""
    ports = [str(port) for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len(ports) == len(set(ports)) == 4


@pytest.mark.parametrize("service", sorted(OURS))
def test_our_services_are_confined(service: str) -> None:
    """Read-only, without capabilities, without a way to gain any."""
    told = SERVICES[service]
    assert (told["read_only"], told["cap_drop"]) == (True, ["ALL"])
    assert told["security_opt"] == ["no-new-privileges:true"]


def test_images_of_others_have_a_version() -> None:
    """No `latest`."""
    images = [each["image"] for name, each in SERVICES.items() if name not in OURS]
    assert len(images) == 4
    assert all(re.search(r":v?\d", image) for image in images)


def test_each_address_leads_to_a_service() -> None:
    """Hosts in addresses are services of the stack, and those waited for exist."""
    hosts = set(re.findall(r"(?:http://|@)([a-z]+)[:/]", TEXT)) - {"127.0.0.1"}
    prometheus = (ROOT / "deploy/compose/prometheus.yml").read_text()
    assert hosts | set(re.findall(r"targets: \[([a-z]+):", prometheus)) <= set(SERVICES)
    waited = {name for each in SERVICES.values() for name in each.get("depends_on", {})}
    assert waited <= set(SERVICES)


@pytest.mark.external
@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool")
def test_prometheus_takes_its_configuration(prepared: Path, tmp_path: Path) -> None:
    """Mounted as compose.yaml mounts it."""
    text = (ROOT / "deploy/compose/prometheus.yml").read_text()
    text = text.replace("/run/secrets/metrics_key", str(prepared / "metrics_key"))
    (tmp_path / "prometheus.yml").write_text(text)
    shutil.copy(ROOT / "deploy/prometheus/rules.yml", tmp_path)
    promtool = shutil.which("promtool") or ""
    command = [promtool, "check", "config", "prometheus.yml"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_bucket_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second start finds it and is content."""
    moto = pytest.importorskip("moto")
    import boto3

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    source = (ROOT / "deploy/compose/bucket.py").read_text()
    made: dict[str, Any] = {"__name__": "bucket"}
    exec(compile(source, "bucket.py", "exec"), made)  # noqa: S102 - our own file, no module of a package
    with moto.mock_aws():
        made["make"]("mlflow")
        made["make"]("mlflow")
        assert [each["Name"] for each in boto3.client("s3").list_buckets()["Buckets"]] == ["mlflow"]
