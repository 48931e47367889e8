"""Check the locks for known vulnerabilities, the sources for insecure code, the licences.

Exit 0: nothing is open; 1: something is; 3: nothing is, but the advisories were not measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import licences
import permits
from locks import FOLDER, LOCKS

ROOT = FOLDER.parent
REPORT = ROOT / "reports/audit.json"
NOT_MEASURED = 3

# The service of OSV, not the index: an index that is mirrored serves packages without advisories,
# for which pip-audit says that it found none.
_SERVICE = "osv"

# Known to be vulnerable since 2018 (CVE-2018-18074). Who does not know it knows no advisories.
_KNOWN = ("requests==2.19.0", "requests")
_ANSWER_SECONDS = 1_200


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found: open findings, or why it could not look."""

    name: str
    open: list[str]
    not_measured: str = ""

    @property
    def state(self) -> str:
        """One word, or two."""
        if self.open:
            return "refused"
        return "not measured" if self.not_measured else "clean"


def main() -> int:
    """Run the three checks, write the report, print what is open."""
    granted = permits.read()
    today = datetime.now(UTC).date()
    found = [insecure_code(), _licences(), advisories()]
    checks = [
        Check(name, permits.refused(name, findings, granted, today), reason)
        if not reason
        else Check(name, [], reason)
        for name, findings, reason in found
    ]
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    content = {c.name: {"state": c.state, "open": c.open, "why": c.not_measured} for c in checks}
    REPORT.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    for check in checks:
        sys.stdout.write(f"{check.name}: {check.state}{': ' * bool(check.not_measured)}")
        sys.stdout.write(f"{check.not_measured}\n")
        sys.stdout.writelines(f"  {finding}\n" for finding in check.open)
    return exit_code(checks)


def exit_code(checks: list[Check]) -> int:
    """1 where something is open, else 3 where something was not measured."""
    states = {check.state for check in checks}
    return 1 if "refused" in states else NOT_MEASURED if "not measured" in states else 0


def insecure_code() -> tuple[str, list[str], str]:
    """What bandit finds in our sources: a rule and a path each."""
    words = ["bandit", "--quiet", "--recursive", "src", "--format", "json"]
    done = _run(words)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        return "bandit", [], f"bandit gave no report: {done.stderr.strip()[-200:]}"
    if answer["errors"]:
        return "bandit", [], f"bandit could not read {len(answer['errors'])} files"
    found = {f"{one['test_id']} {one['filename']}" for one in answer["results"]}
    return "bandit", sorted(found), ""


def _licences() -> tuple[str, list[str], str]:
    """Packages under licences that are not allowed; a list that is out of date is one finding."""
    found = licences.not_allowed()
    if licences.FILE.read_text(encoding="utf-8") != licences.as_text():
        found.append("licences.csv is not that of the locks: run python requirements/licences.py")
    return "licence", found, ""


def advisories() -> tuple[str, list[str], str]:
    """Advisories about locked packages: an id and a package each.

    First a package is asked for whose vulnerability is known: silence about it is no all-clear.
    """
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder, "probe.txt")
        probe.write_text(f"{_KNOWN[0]}\n", encoding="utf-8")
        known, reason = asked(probe)
    if reason:
        return "advisory", [], reason
    if not any(finding.endswith(f" {_KNOWN[1]}") for finding in known):
        return "advisory", [], f"the service knows nothing against {_KNOWN[0]}"
    found: set[str] = set()
    for lock in LOCKS:
        about, reason = asked(FOLDER / f"{lock}.lock")
        if reason:
            return "advisory", [], reason
        found |= set(about)
    return "advisory", sorted(found), ""


def asked(lock: Path) -> tuple[list[str], str]:
    """What pip-audit learns about a file, or why it learnt nothing of it or of a part."""
    words = ["pip-audit", "--requirement", str(lock), "--no-deps", "--disable-pip"]
    words += ["--vulnerability-service", _SERVICE, "--format", "json", "--progress-spinner", "off"]
    done = _run(words)
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["no answer"])[-1].partition(":")[0]
        return [], f"no service of advisories answered about {lock.name} ({last.strip()[:80]})"
    if skipped := [one["name"] for one in dependencies if "skip_reason" in one]:
        return [], f"{len(skipped)} packages of {lock.name} are unknown there ({skipped[0]}, ...)"
    return [f"{flaw['id']} {one['name']}" for one in dependencies for flaw in one["vulns"]], ""


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - tools of this environment
        [sys.executable, "-m", words[0].replace("-", "_"), *words[1:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=_ANSWER_SECONDS,
    )


if __name__ == "__main__":
    sys.exit(main())
