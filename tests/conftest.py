"""What every test relies on: no skips where each program must be installed, shared builders."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # payloads.py


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a skipped test where CREDITRISK_SKIPS_FAIL is set: there every program is installed."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and "CREDITRISK_SKIPS_FAIL" in os.environ:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped where no test may be: {call.excinfo}"
    return report
