"""Pin `name==version` beside each `name[extra]==version` of a lock file.

pip takes the two for projects of their own and refuses to check hashes unless both are pinned.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# A requirement with an extra, and the lines of hashes that continue it.
WITH_EXTRAS = re.compile(r"^([^\s\[]+)\[[^\]]+\]((?:.*\\\n)*.*)\n", re.MULTILINE)


def main() -> None:
    """Rewrite the files that are named."""
    for name in sys.argv[1:]:
        lock = Path(name)
        lock.write_text(WITH_EXTRAS.sub(r"\g<0>\1\2\n", lock.read_text()))


if __name__ == "__main__":
    main()
