"""The `serve` command: what it makes of its flags."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from simulated_lending import sealed

from creditrisk.mlops.fetching import TamperedBundle, UnusableBundleSource
from creditrisk.mlops.served import archived_bundle
from creditrisk.pipelines import publish_metrics, serve, ship_inference, watch_registry
from creditrisk.serve import server

if TYPE_CHECKING:
    from creditrisk.core.errors import CreditRiskError
    from creditrisk.mlops.bundle import Bundle
    from creditrisk.serve.server import Launch


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A sealed bundle; tests only read it."""
    return sealed(tmp_path_factory.mktemp("model"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the command would have started, in order; nothing is started."""
    seen: list[Any] = []

    @contextmanager
    def watched(served: Path, _params: Path) -> Iterator[None]:
        seen.append(served)
        yield

    @contextmanager
    def shipped(params: Path) -> Iterator[None]:
        seen.append(params)
        yield

    @contextmanager
    def published(url: str, _params: Path) -> Iterator[None]:
        seen.append(url)
        yield

    monkeypatch.setattr(publish_metrics, "metrics_published", published)
    monkeypatch.setattr(server, "run_server", seen.append)
    monkeypatch.setattr(watch_registry, "registry_watched", watched)
    monkeypatch.setattr(ship_inference, "inference_shipped", shipped)
    return seen


def params(folder: Path, **section: Any) -> Path:
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump({"serve": section}))
    return path


def test_flags_come_before_the_settings(asked: list[Any], tmp_path: Path) -> None:
    """What is said on the command line counts; the rest is as the file says."""
    serve.main(port=9, params=params(tmp_path, port=8, workers=2))
    launch: Launch = asked[0]
    assert (launch.settings.serve.port, launch.settings.serve.workers) == (9, 2)
    assert launch.followed == Path("models/served")


@pytest.mark.parametrize("flags", [{"pin": True}, {"bundle": Path("models/credit_risk_pd")}])
def test_a_fixed_model_is_not_followed_or_watched(
    asked: list[Any], tmp_path: Path, flags: dict[str, Any]
) -> None:
    """--pin and --bundle keep the model, whatever the settings say of the registry."""
    serve.main(params=params(tmp_path, watch_registry=True), **flags)
    (launch,) = asked
    assert launch.followed is None


def test_the_registry_is_watched_where_the_settings_say_so(
    asked: list[Any], tmp_path: Path
) -> None:
    """The watching process is there before the API starts."""
    serve.main(served=Path("here"), params=params(tmp_path, watch_registry=True))
    assert asked[0] == Path("here")
    assert asked[1].served == Path("here")


def test_inference_is_shipped_where_the_settings_say_so(asked: list[Any], tmp_path: Path) -> None:
    """By a process with the same settings, whatever model is served."""
    settings = params(tmp_path, ship_inference=True)
    serve.main(bundle=Path("models/credit_risk_pd"), params=settings)
    assert asked[0] == settings
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8123/metrics"),
        ("0.0.0.0", "http://127.0.0.1:8123/metrics"),  # noqa: S104 - not listened on
        ("::", "http://[::1]:8123/metrics"),
        ("api.internal", "http://api.internal:8123/metrics"),
    ],
)
def test_figures_are_published_where_the_settings_say_so(
    asked: list[Any], tmp_path: Path, host: str, url: str
) -> None:
    """By a process that asks the API where this machine reaches it."""
    serve.main(host=host, port=8123, params=params(tmp_path, publish_metrics=True))
    assert asked[0] == url
    assert len(asked) == 2


@pytest.mark.parametrize("tls", [False, True])
def test_figures_are_not_promised_of_an_unknown_address(
    asked: list[Any], tmp_path: Path, *, tls: bool
) -> None:
    """Of any free port, or of the name in a certificate, nothing is published: it says what to do."""
    files = {"certificate": tmp_path / "chain.pem", "key": tmp_path / "key.pem"} if tls else {}
    with pytest.raises(serve.UnknownMetricsAddress, match="publish-metrics --url"):
        serve.main(port=8123 if tls else 0, params=params(tmp_path, publish_metrics=True), **files)
    assert not asked


def test_a_certificate_needs_its_key(asked: list[Any], tmp_path: Path) -> None:
    """Half a TLS pair is misuse; nothing starts, least of all without TLS."""
    with pytest.raises(serve.HalfATlsPair):
        serve.main(certificate=tmp_path / "chain.pem", params=params(tmp_path))
    assert not asked


def test_a_source_is_fetched_into_the_archive(
    asked: list[Any], bundle: Bundle, tmp_path: Path
) -> None:
    """The bundle is served from under its hash, where a replay of its decisions finds it."""
    served = tmp_path / "served"
    source = str(bundle.folder)
    serve.main(source=source, sha256=bundle.sha256, served=served, params=params(tmp_path))
    assert asked[0].bundle == served / bundle.sha256
    assert archived_bundle(served, bundle.sha256).sha256 == bundle.sha256


@pytest.mark.parametrize(
    ("flags", "refusal"),
    [
        ({"sha256": "0" * 64}, TamperedBundle),
        ({}, UnusableBundleSource),
        ({"sha256": "0" * 64, "bundle": Path("here")}, serve.TwoBundles),
    ],
    ids=["another bundle", "no hash", "two bundles"],
)
def test_a_source_that_cannot_be_vouched_for_starts_nothing(
    asked: list[Any],
    bundle: Bundle,
    tmp_path: Path,
    flags: dict[str, Any],
    refusal: type[CreditRiskError],
) -> None:
    """Refused before a server is started."""
    with pytest.raises(refusal):
        serve.main(source=str(bundle.folder), params=params(tmp_path), served=tmp_path, **flags)
    assert not asked
