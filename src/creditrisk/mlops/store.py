"""MLflow's client, its failures told in the project's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from creditrisk.mlops.errors import TrackingUnavailable
from creditrisk.mlops.tracking import connect, tracking_uri


@contextmanager
def store_client() -> Iterator[Any]:
    """An `MlflowClient`.

    Raises:
        TrackingUnavailable: the store does not answer, or refuses.
    """
    mlflow = connect()
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield mlflow.MlflowClient()
    except (mlflow.exceptions.MlflowException, SQLAlchemyError, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise TrackingUnavailable(tracking_uri(), reason) from error
