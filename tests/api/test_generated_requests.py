"""Requests that a machine makes from the API's own document, thousands of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from api_server import ApiServer

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
OPTIONS = (
    *("--checks", ",".join(CHECKS)),
    *("--phases", "examples,coverage,fuzzing"),
    *("--suppress-health-check", "all"),
    *("--seed", "1", "--no-shrink", "--continue-on-failure", "--no-color"),
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]


@pytest.mark.parametrize(
    ("paths", "cases_an_operation", "at_least"),
    [("^/(predict|validate)", 120, 500), ("^/(?!predict|validate)", 1_000, 1_500)],
    ids=["bodies", "paths"],
)
def test_no_generated_request_finds_an_error_of_the_server(
    server: ApiServer, tmp_path: Path, paths: str, cases_an_operation: int, at_least: int
) -> None:
    """Whatever the document allows or forbids is answered as it says, and never by a 5xx."""
    program = Path(sys.executable).with_name("schemathesis")
    chosen = ("--include-path-regex", paths, "--max-examples", str(cases_an_operation))
    finished = subprocess.run(
        [program, "run", f"{server.url}/openapi.json", *chosen, *OPTIONS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-4_000:] + finished.stderr[-1_000:]
    counts = re.search(r"([\d,]+) generated", finished.stdout)
    assert counts is not None
    assert int(counts[1].replace(",", "")) > at_least
    assert not [line for line in server.log if line.get("status", 0) >= 500]
