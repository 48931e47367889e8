"""What every test relies on: no skips where each program must be installed."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest


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
