"""What scores are computed with."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

from creditrisk.scoring import environment
from creditrisk.scoring.environment import this_platform

if TYPE_CHECKING:
    import pytest


def test_the_platform_names_what_can_change_a_bit() -> None:
    """Processor, system, Python and the libraries that compute are told apart."""
    here = this_platform()
    assert here.processor.startswith(platform.machine())
    assert here.python == platform.python_version()
    assert here.libraries["duckdb"] == version("duckdb")
    assert here.libraries["numpy"] == version("numpy")


def test_libraries_that_are_not_installed_are_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image without XGBoost says nothing of it."""
    monkeypatch.setattr(environment, "_LIBRARIES", ("numpy", "no-such-library"))
    assert environment.this_platform.__wrapped__().libraries == {"numpy": version("numpy")}
