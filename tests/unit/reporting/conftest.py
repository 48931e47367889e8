"""Makes the simulated lending problem importable by the tests beside this file."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "model"))
