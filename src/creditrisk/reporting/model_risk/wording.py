"""How the report writes counts, hashes and verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creditrisk.reporting.document import Notice, Tone

if TYPE_CHECKING:
    from creditrisk.reporting.model_risk.evidence import Evidence

_GOOD = frozenset({"passed", "registered", "already registered", "promoted", "stable", "green"})
_BAD = frozenset({"failed", "refused", "drifted", "red"})


def count(number: int) -> str:
    """A whole number with thousands set apart."""
    return f"{number:,}"


def share(value: float) -> str:
    """A share in percent, for a column of them: one decimal, two digits where it is below 1 %."""
    percents = 100 * value
    return f"{percents:.1f} %" if percents == 0 or abs(percents) >= 1 else f"{percents:.2g} %"


def short(sha256: str) -> str:
    """The beginning of a hash, enough to tell it from others."""
    return sha256[:12]


def verdict_tone(status: str) -> Tone:
    """The colour of a verdict; one that is neither good nor bad is open."""
    status = status.replace("_", " ")
    return "good" if status in _GOOD else "bad" if status in _BAD else "open"


def absent(evidence: Evidence, name: str) -> Notice:
    """What stands where evidence is missing: it never reads as if nothing had been found."""
    return Notice(f"Not measured: {evidence.why_absent(name)}", "bad")
