"""Requests that a machine makes from the API's own document, thousands of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from api_server import running

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
CASES_AN_OPERATION = 400

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]


def test_no_generated_request_finds_an_error_of_the_server(bundle: Path, tmp_path: Path) -> None:
    """Whatever the document allows or forbids is answered as it says, and never by a 5xx."""
    program = Path(sys.executable).with_name("schemathesis")
    with running(tmp_path, "--bundle", str(bundle)) as api:
        options = ["--checks", ",".join(CHECKS), "--max-examples", str(CASES_AN_OPERATION)]
        options += ["--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all"]
        options += ["--seed", "1", "--no-shrink", "--continue-on-failure", "--no-color"]
        finished = subprocess.run(
            [program, "run", f"{api.url}/openapi.json", *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stdout[-4_000:] + finished.stderr[-1_000:]
        counts = re.search(r"([\d,]+) generated", finished.stdout)
        assert counts is not None
        assert int(counts[1].replace(",", "")) > 1_000
        assert not [line for line in api.log if line.get("status", 0) >= 500]
