"""Files that show what a model is worth, kept with its run."""

from __future__ import annotations

from pathlib import Path

from creditrisk.mlops.store import store_client


def log_pictures(run_id: str, folder: Path, name: str) -> None:
    """Keep the folder's PNG files with a run, as artifacts under `name`.

    Raises:
        TrackingUnavailable: the store does not answer.
    """
    with store_client() as client:
        for picture in sorted(folder.glob("*.png")):
            client.log_artifact(run_id, str(picture), name)
