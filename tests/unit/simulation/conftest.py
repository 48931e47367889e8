"""Lets the tests of this folder import its builders, and those of request bodies."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[2])]
