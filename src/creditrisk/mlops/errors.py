"""The errors of model bundles and of the tracking server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from creditrisk.core.errors import CreditRiskError

_MOST_PROBLEMS = 3


class BundleRefused(CreditRiskError):
    """A bundle folder is not exactly what was sealed."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder = folder
        super().__init__(
            f"Model bundle {folder} refused: {reason}. "
            "Restore it with dvc checkout or train it anew with dvc repro fit_model."
        )


class MissingBundleFiles(BundleRefused):
    """Files that the manifest lists are not there."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(folder, f"{', '.join(names)} missing")


class UnlistedBundleFiles(BundleRefused):
    """Files are there that the manifest does not list."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(folder, f"manifest.json does not list {', '.join(names)}")


class ChangedBundleFile(BundleRefused):
    """A file's content is not the one that was sealed."""

    def __init__(self, folder: Path, name: str, seen: str, required: str) -> None:
        self.name = name
        super().__init__(
            folder,
            f"SHA-256 of {name} is {seen[:12]}..., manifest.json requires {required[:12]}...",
        )


class UnsafeBundleName(BundleRefused):
    """A name in the manifest could point outside the folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        super().__init__(folder, f"manifest.json lists {name!r}, only plain file names are allowed")


class UnreadableManifest(BundleRefused):
    """The manifest is no JSON of the required form."""

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(folder, f"manifest.json cannot be read ({problem})")


class UnreadableBundleFile(BundleRefused):
    """A file is what was sealed, but not of the form that this version reads."""

    def __init__(self, folder: Path, name: str, problems: Sequence[str]) -> None:
        self.name = name
        told = "; ".join(problems[:_MOST_PROBLEMS])
        more = len(problems) - _MOST_PROBLEMS
        also = f"; and {more} more" if more > 0 else ""
        super().__init__(
            folder, f"{name} is not of the form that this version reads ({told}{also})"
        )


class ForeignRequestContract(BundleRefused):
    """The contract of requests is one of other data than the model's."""

    def __init__(self, folder: Path, name: str, missing: Sequence[str]) -> None:
        self.missing = tuple(missing)
        super().__init__(
            folder,
            f"{name} is the contract of other requests: it lacks {', '.join(missing)}, which this "
            "model or one of its rules needs",
        )


class UnsupportedBundleFormat(BundleRefused):
    """The manifest was written by another version of this platform."""

    def __init__(self, folder: Path, seen: object, required: int) -> None:
        self.seen = seen
        super().__init__(
            folder, f"manifest.json has format {seen!r}, this version reads {required}"
        )


class GoldenPredictionsDiffer(BundleRefused):
    """The model does not reproduce here the PDs that were sealed with it."""

    def __init__(self, folder: Path, rows: int, differing: int, largest: float) -> None:
        self.differing = differing
        super().__init__(
            folder,
            f"{differing} of {rows} golden PDs are not reproduced to the last bit "
            f"(largest difference {largest:.3g}); library versions or processor differ",
        )


class TrackingUnavailable(CreditRiskError):
    """The MLflow server or database did not answer."""

    def __init__(self, uri: str, reason: str) -> None:
        self.uri = uri
        super().__init__(
            f"MLflow at {uri} cannot be used: {reason} "
            "Check MLFLOW_TRACKING_URI, then run the stage again."
        )
