"""How a stage module becomes a command: `python -m creditrisk.pipelines.NAME` and `creditrisk NAME`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn

import typer

from creditrisk.core.errors import CreditRiskError


def run(main: Callable[..., Any]) -> NoReturn:
    """Run a stage's `main` on the command line and exit: 0 done, 1 a gate refused, 2 misuse.

    An error raised on purpose is shown as its sentence, without a stack trace.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    try:
        app()
    except CreditRiskError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    sys.exit(0)
