"""One deployment at a time on this machine: two would write the same report."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from creditrisk.core.errors import CreditRiskError


class ReportInUse(CreditRiskError):
    """Another process on this machine is about to write the report."""

    def __init__(self, report: Path) -> None:
        super().__init__(
            f"Nothing was deployed: another process of this machine is deploying and will write "
            f"{report}. Wait for it, or name another report with --out."
        )


@contextmanager
def alone(report: Path) -> Iterator[None]:
    """Be the only one to write a report while the block runs; a killed process holds nothing.

    Raises:
        ReportInUse: another one is.
    """
    report.parent.mkdir(parents=True, exist_ok=True)
    with report.with_name(f".{report.name}.lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ReportInUse(report) from None
        yield
