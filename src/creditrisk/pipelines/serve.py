"""Answer POST /predict and the rest of the API until told to stop."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from creditrisk.core.errors import Misuse
from creditrisk.core.settings import DEFAULT_PARAMS_PATH, ServeSettings, load_settings
from creditrisk.pipelines.command import run

Host = Annotated[str | None, typer.Option(help="Address; else params.yaml, serve.host.")]
Port = Annotated[
    int | None, typer.Option(min=0, max=65_535, help="Else params.yaml, serve.port; 0: any free.")
]
Workers = Annotated[
    int | None, typer.Option(min=1, max=64, help="Processes; else params.yaml, serve.workers.")
]
BundleFolder = Annotated[
    Path | None, typer.Option(help="A bundle to serve that no registry vouches for.")
]
Source = Annotated[
    str | None,
    typer.Option(
        envvar="CREDITRISK_BUNDLE_SOURCE",
        help="Where to fetch the bundle to serve: a folder or s3://BUCKET/PREFIX.",
    ),
]
Sha256 = Annotated[
    str | None,
    typer.Option(envvar="CREDITRISK_BUNDLE_SHA256", help="What the fetched bundle must be."),
]
Served = Annotated[Path, typer.Option(help="The published models; the champion is followed.")]
Pin = Annotated[bool, typer.Option("--pin", help="Keep the model of the start.")]
Certificate = Annotated[Path | None, typer.Option(help="TLS certificate chain, PEM.")]
Key = Annotated[Path | None, typer.Option(help="TLS private key, PEM.")]
Params = Annotated[Path, typer.Option(help="Settings.")]

_SERVED = Path("models/served")


class TwoBundles(Misuse):
    """One bundle is served, not two."""

    def __init__(self, bundle: Path) -> None:
        super().__init__(
            f"Both --bundle {bundle} and a source to fetch a bundle from (--source or "
            "CREDITRISK_BUNDLE_SOURCE) were given; one of them is served."
        )


class HalfATlsPair(Misuse):
    """TLS needs a certificate and its key."""

    def __init__(self) -> None:
        super().__init__("TLS needs both --certificate and --key; one of them was given.")


class UnknownMetricsAddress(Misuse):
    """Figures are to be fetched from an API whose address only it, or its certificate, knows."""

    def __init__(self) -> None:
        super().__init__(
            "serve.publish_metrics needs a port that is known beforehand and no TLS; with --port 0 or "
            "--certificate run `creditrisk publish-metrics --url ...` beside the API."
        )


def main(
    *,
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    bundle: BundleFolder = None,
    source: Source = None,
    sha256: Sha256 = None,
    served: Served = _SERVED,
    pin: Pin = False,
    certificate: Certificate = None,
    key: Key = None,
    params: Params = DEFAULT_PARAMS_PATH,
) -> None:
    """Serve the API until told to stop; keys and ledger come from the environment."""
    from creditrisk.pipelines.publish_metrics import metrics_published
    from creditrisk.pipelines.ship_inference import inference_shipped
    from creditrisk.pipelines.watch_registry import registry_watched
    from creditrisk.serve.server import Launch, run_server

    if (certificate is None) != (key is None):
        raise HalfATlsPair
    if source is not None:
        bundle = _fetched(source, sha256, served, bundle)
    settings = load_settings(params)
    changes = {"host": host, "port": port, "workers": workers}
    given = {name: value for name, value in changes.items() if value is not None}
    serve = ServeSettings.model_validate(settings.serve.model_dump() | given)
    if serve.publish_metrics and (certificate is not None or not serve.port):
        raise UnknownMetricsAddress
    launch = Launch(
        settings=settings.model_copy(update={"serve": serve}),
        bundle=bundle,
        served=served,
        pinned=pin,
        certificate=certificate,
        key=key,
    )
    with ExitStack() as beside:
        if serve.watch_registry and launch.followed is not None:
            beside.enter_context(registry_watched(served, params))
        if serve.ship_inference:
            beside.enter_context(inference_shipped(params))
        if serve.publish_metrics:
            beside.enter_context(metrics_published(_metrics_url(serve), params))
        run_server(launch)


def _metrics_url(serve: ServeSettings) -> str:
    """Where this machine reaches the metrics of an API that listens there."""
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - not listened on
    host = anywhere.get(serve.host, serve.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{serve.port}/metrics"


def _fetched(source: str, sha256: str | None, served: Path, bundle: Path | None) -> Path:
    """The verified bundle in the archive of served ones, from which its decisions are replayed."""
    from creditrisk.mlops.fetching import UnusableBundleSource, fetch, shown

    if bundle is not None:
        raise TwoBundles(bundle)
    if sha256 is None:
        raise UnusableBundleSource(shown(source), "the bundle's SHA-256 beside it")
    return fetch(source, served / sha256, sha256).folder


if __name__ == "__main__":
    run(main)
