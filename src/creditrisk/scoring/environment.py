"""What a score was computed with, as far as it can change a last bit."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from creditrisk.core.report import Part

_LIBRARIES = ("creditrisk", "duckdb", "lightgbm", "numpy", "pyarrow", "xgboost", "xgboost-cpu")
_CPU_FACTS = Path("/proc/cpuinfo")
_FAMILY = ("vendor_id", "cpu family", "CPU implementer", "CPU architecture")  # x86-64, then Arm


class Platform(Part):
    """A processor family, an operating system, a Python, and the libraries that compute."""

    processor: str
    system: str
    python: str
    libraries: dict[str, str]


@cache
def this_platform() -> Platform:
    """The platform that this process runs on."""
    versions = {name: _version(name) for name in _LIBRARIES}
    return Platform(
        processor=_processor(),
        system=platform.system(),
        python=platform.python_version(),
        libraries={name: found for name, found in versions.items() if found},
    )


def _processor() -> str:
    """Such as `x86_64 GenuineIntel 6`."""
    facts = _CPU_FACTS.read_text(encoding="utf-8") if _CPU_FACTS.exists() else ""
    first = facts.partition("\n\n")[0].splitlines()
    told = {name.strip(): value.strip() for name, _, value in (x.partition(":") for x in first)}
    return " ".join([platform.machine(), *(told[name] for name in _FAMILY if name in told)])


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
