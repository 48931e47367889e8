"""Files that show what a model is worth, kept with its run."""

from __future__ import annotations

from pathlib import Path

from creditrisk.mlops.errors import TrackingUnavailable
from creditrisk.mlops.tracking import connect, tracking_uri


def log_pictures(run_id: str, folder: Path, name: str) -> None:
    """Keep the folder's PNG files with a run, as artifacts under `name`.

    Raises:
        TrackingUnavailable: the store does not answer.
    """
    mlflow = connect()
    client = mlflow.MlflowClient()
    try:
        for picture in sorted(folder.glob("*.png")):
            client.log_artifact(run_id, str(picture), name)
    except (mlflow.exceptions.MlflowException, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise TrackingUnavailable(tracking_uri(), reason) from error
