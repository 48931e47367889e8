"""The base class of every JSON file under `reports/`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from creditrisk.core.errors import MissingFile, UnreadableReport, validation_problems
from creditrisk.core.files import write_text

# The last bits of a sum depend on the processor's vector width; a tracked report does not.
_DIGITS = 10


def _rounded(value: Any) -> Any:
    return round(value, _DIGITS) if isinstance(value, float) else value


Number = Annotated[float, BeforeValidator(_rounded)]


class Part(BaseModel):
    """A part of a report."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Report(BaseModel):
    """A JSON file with a fixed form: its model writes it, reads it back and documents it.

    Same content, same bytes: fields are written in declaration order, floats in their shortest
    exact form. A report that DVC tracks holds no wall-clock time, host, path or random id.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def write(self, path: Path) -> None:
        """Write the report atomically."""
        write_text(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a report.

        Raises:
            MissingFile: nothing is there.
            UnreadableReport: the content is not what this report requires.
        """
        if not path.exists():
            raise MissingFile(path, cls.__name__, "Run the stage that writes it (see dvc.yaml).")
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise UnreadableReport(path, cls.__name__, validation_problems(error)) from error
