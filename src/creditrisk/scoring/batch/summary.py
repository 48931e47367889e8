"""The summary of a batch: what a person or a job that comes after wants to know of it."""

from __future__ import annotations

from creditrisk.core.report import Number, Part, Report
from creditrisk.mlops.served import ServedModel
from creditrisk.scoring.batch.record import BatchInput, BatchOutput
from creditrisk.scoring.decision_record import PolicyBands


class RejectedRows(Part):
    """Rows that were not scored; a row may break several rules."""

    place: str
    rows: int
    by_rule: dict[str, int]


class BatchSummary(Report):
    """One finished batch.

    `seconds` are of this process; `resumed_chunks` were scored by an interrupted one before it.
    `warnings` counts rows by the rule of level warning that they broke.
    """

    batch_id: str
    started_at: str
    finished_at: str
    recorded: bool
    input: BatchInput
    output: BatchOutput
    rejects: RejectedRows
    warnings: dict[str, int]
    mean_probability: Number
    predicted_defaults: int
    decisions: dict[str, int]
    grades: dict[str, int]
    reasons: bool
    threshold: float
    policy: PolicyBands
    model: ServedModel
    threads: int
    chunks: int
    resumed_chunks: int
    seconds: Number
    rows_per_second: Number

    def sentence(self) -> str:
        """The batch in one line for a person."""
        decisions = ", ".join(f"{count:,} {name}" for name, count in self.decisions.items())
        return (
            f"{self.output.place}: {self.output.rows:,} applicants scored ({decisions}), "
            f"{self.rejects.rows:,} rows rejected; {self.seconds:.1f} s, "
            f"{self.rows_per_second:,.0f} rows/s; batch {self.batch_id}"
        )
