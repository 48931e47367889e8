"""Makes the builders of models, payloads and records importable by the tests beside this file."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parents[1]
sys.path[:0] = [str(HERE), str(TESTS / "model"), str(TESTS)]
