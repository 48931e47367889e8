"""What can go wrong between a checkout and its remote."""

from __future__ import annotations

from collections.abc import Sequence

from creditrisk.core.errors import CreditRiskError, Misuse

_SHOWN_OBJECTS = 5


class NoRemote(Misuse):
    """The environment names no remote."""

    def __init__(self, variable: str, required: str) -> None:
        super().__init__(f"{variable} is not set: there is no remote. Required: {required}.")


class UnusableRemote(Misuse):
    """The environment names something that cannot be a remote."""

    def __init__(self, url: str, seen: str, required: str) -> None:
        super().__init__(f"{url} cannot be a remote: {seen}. Required: {required}.")


class UnusableCredentials(Misuse):
    """The credentials are not of the form that the remote takes; never says what they are."""

    def __init__(self, variable: str, seen: str, required: str) -> None:
        super().__init__(f"{variable} refused: {seen}. Required: {required}.")


class RemoteFailed(CreditRiskError):
    """The remote refused, or could not be reached."""

    def __init__(self, action: str, url: str, reason: str, remedy: str = "") -> None:
        super().__init__(f"{action} {url} failed: {reason}.{' ' * bool(remedy)}{remedy}")


class MissingObjects(CreditRiskError):
    """dvc.lock names objects that are not where they must be."""

    def __init__(self, place: str, objects: Sequence[str], remedy: str) -> None:
        self.objects = tuple(objects)
        super().__init__(f"{place} lacks {listed(objects)}, which this checkout names. {remedy}")


class DamagedObjects(CreditRiskError):
    """Objects of the remote do not have the content that their names promise."""

    def __init__(self, url: str, objects: Sequence[str], remedy: str) -> None:
        self.objects = tuple(objects)
        super().__init__(f"{url} refused: {listed(objects)} damaged. {remedy}")


class UnsavedWork(CreditRiskError):
    """A pull would overwrite files that no cache holds."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"Nothing pulled over {path}: its content is neither in DVC's cache nor in dvc.lock. "
            "Run the pipeline, move the file away, or pull with --force to lose it."
        )


def listed(objects: Sequence[str]) -> str:
    """The first few names and how many more there are."""
    more = len(objects) - _SHOWN_OBJECTS
    shown = ", ".join(objects[:_SHOWN_OBJECTS])
    return f"{shown} and {more:,} more" if more > 0 else shown
