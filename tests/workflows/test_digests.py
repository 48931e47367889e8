"""The script that hands the digests of pushed images on to later steps."""

from __future__ import annotations

import subprocess
from pathlib import Path

from workflow_files import ROOT

API, BATCH = (f"sha256:{digit * 64}" for digit in "ab")
REPORT = """{"images": [
  {"name": "creditrisk-api", "reference": "host/creditrisk-api@API", "digest": "API", "tag": "1"},
  {"name": "creditrisk-batch", "reference": "host/creditrisk-batch@BATCH", "digest": "BATCH", "tag": "1"}
]}
"""


def digests_of(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (report := folder / "images.json").write_text(text)
    words = [ROOT / "deploy/images/digests.sh", report]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_a_line_an_image(tmp_path: Path) -> None:
    """Each line is what a step of a workflow takes as an output."""
    process = digests_of(tmp_path, REPORT.replace("API", API).replace("BATCH", BATCH))
    assert process.stdout.splitlines() == [f"api={API}", f"batch={BATCH}"]


def test_a_report_without_both_is_refused(tmp_path: Path) -> None:
    """A digest that is missing or cut short is told, never handed on."""
    for text in ("{}", REPORT.replace("API", API), REPORT.replace("BATCH", BATCH[:-1])):
        process = digests_of(tmp_path, text)
        assert process.returncode == 1
        assert process.stdout == ""
        assert "does not name the digests of both images" in process.stderr
