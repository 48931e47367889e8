"""Ask a running API what the deployment manifest knows the answers to; exit 1 where one is wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from creditrisk.pipelines.command import run

Url = Annotated[str, typer.Argument(help="Address of the API, such as https://pd.example.com.")]
Manifest = Annotated[Path, typer.Option(help="What must answer, and with which PDs.")]
Out = Annotated[Path, typer.Option(help="The report.")]
Pinned = Annotated[bool, typer.Option("--pinned", help="Refuse an API that follows a pointer.")]
Seconds = Annotated[float, typer.Option(min=0.1, help="Until everything must have answered.")]
RequestSeconds = Annotated[float, typer.Option(min=0.1, help="Until one request must have.")]


def main(
    url: Url,
    *,
    manifest: Manifest = Path("reports/deploy_manifest.json"),
    out: Out = Path("reports/smoke_test.json"),
    pinned: Pinned = False,
    seconds: Seconds = 120.0,
    request_seconds: RequestSeconds = 10.0,
) -> None:
    """Ask an API for what the manifest knows; a key comes from CREDITRISK_SMOKE_API_KEY."""
    from creditrisk.deploy.clock import Clock
    from creditrisk.deploy.smoke import KEY_VARIABLE, Expected, SmokePatience, SmokeTest
    from creditrisk.mlops.deployment import DeployManifest

    out.unlink(missing_ok=True)
    described = DeployManifest.read(manifest)
    report = SmokeTest(
        url,
        Expected(described.champion.bundle_sha256, described.smoke, pinned=pinned),
        SmokePatience(request_seconds, seconds, pause_seconds=1.0),
        Clock(),
        os.environ.get(KEY_VARIABLE) or None,
    ).run()
    report.write(out)
    report.require_passed()
    typer.echo(f"{url}: {len(report.checks)} of {len(report.checks)} answers as they must be")


if __name__ == "__main__":
    run(main)
