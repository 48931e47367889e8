"""Players of the workflows, and where their modules lie."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # workflow_files.py and the player
