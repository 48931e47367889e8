"""List the licence of every locked package in licences.csv, and refuse what is not allowed.

`python requirements/licences.py` writes the list from the packages that are installed.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from locks import FOLDER, locks_by_package

FILE = FOLDER / "licences.csv"
_HEADER = ("package", "licence", "stated_as", "locks")

# In SPDX's words. Each lets its package be used, changed and passed on with a closed product; MPL
# asks for the changes to its own files alone.
ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CNRI-Python",
    "ISC",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MPL-2.0",
    "PSF-2.0",
    "TCL",
    "ZPL-2.1",
    "Zlib",
}

# What packages write where they do not write SPDX.
_SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GPL-3.0": "GPL-3.0-only",
    "GPLv2 with linking exception": "GPL-2.0-only WITH GCC-exception-2.0",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Zope Public License": "ZPL-2.1",
}

# Packages whose metadata say nothing, too much or too little, as read in the files they install.
_READ = {
    "huey": "MIT",
    "pytest-timeout": "MIT",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "skops": "MIT",
    "sniffio": "MIT OR Apache-2.0",
    "text-unidecode": "Artistic-1.0-Perl OR GPL-2.0-or-later",
    "uvloop": "MIT OR Apache-2.0",
}

# Packages that are not installed where the list is written, as their projects publish it: of other
# systems, or for the stage that builds an image.
_PUBLISHED = {
    "httpx2-jsfetch": "BSD-3-Clause",
    "pywin32": "PSF-2.0",
    "uv": "MIT OR Apache-2.0",
    "waitress": "ZPL-2.1",
    "wheel": "MIT",
}
_WORDS = re.compile(r"\(|\)|\bAND\b|\bOR\b|[^\s()]+(?: WITH \S+)?")


def listed() -> list[tuple[str, str, str, str]]:
    """Package, SPDX expression, where that was found, and the locks that name it."""
    return [
        (name, *licence_of(name), " ".join(locks)) for name, locks in locks_by_package().items()
    ]


def licence_of(name: str) -> tuple[str, str]:
    """The SPDX expression of an installed package, and where it comes from."""
    if name in _READ:
        return _READ[name], "its files"
    if name in _PUBLISHED:
        return _PUBLISHED[name], "its project"
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return "UNKNOWN", "not installed"
    return _stated(found)


def _stated(found: Distribution) -> tuple[str, str]:
    metadata = found.metadata
    if expression := metadata.get("License-Expression"):
        return expression, "expression"
    named = [
        value.rpartition(" :: ")[2]
        for value in metadata.get_all("Classifier") or []
        if value.startswith("License :: ") and not value.endswith(":: OSI Approved")
    ]
    if named:
        return " AND ".join(_SPDX.get(value, value) for value in named), "classifier"
    first_line = (metadata.get("License") or "UNKNOWN").splitlines()[0]
    return _SPDX.get(first_line, first_line), "free text"


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression can be met by allowed licences: all of AND, one of OR."""
    value, rest = _alternatives(_WORDS.findall(expression))
    return value and not rest


def _alternatives(words: list[str]) -> tuple[bool, list[str]]:
    value, rest = _conjunction(words)
    while rest and rest[0] == "OR":
        other, rest = _conjunction(rest[1:])
        value = value or other
    return value, rest


def _conjunction(words: list[str]) -> tuple[bool, list[str]]:
    value, rest = _operand(words)
    while rest and rest[0] == "AND":
        other, rest = _operand(rest[1:])
        value = value and other
    return value, rest


def _operand(words: list[str]) -> tuple[bool, list[str]]:
    if not words:
        return False, []
    if words[0] == "(":
        value, rest = _alternatives(words[1:])
        return value, rest[1:]
    return words[0] in ALLOWED, words[1:]


def as_text() -> str:
    """The list as a CSV file."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows(listed())
    return stream.getvalue()


def not_allowed() -> list[str]:
    """Packages whose licence the allow-list does not meet."""
    return [name for name, licence, _, _ in listed() if not is_allowed(licence)]


if __name__ == "__main__":
    FILE.write_text(as_text(), encoding="utf-8")
    sys.stdout.write(f"{FILE.name} lists {len(listed())} packages.\n")
