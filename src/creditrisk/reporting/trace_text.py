"""A trace for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from creditrisk.reporting.decision_trace import DecisionTrace
from creditrisk.reporting.traced_content import BatchFacts, DecisionFacts, RefusalFacts

_GAP = 2
_UNKNOWN = "unknown"
_MARKS = {"verified": "ok  ", "refuted": "NOT ", "not verified": "?   "}


def trace_text(trace: DecisionTrace) -> str:
    """The chain from the decision to the data, then what of it was checked."""
    sections = {
        "Decision": _decided(trace),
        "Ledger": _ledger(trace),
        "Model": _model(trace),
        "Run": _run(trace),
        "Settings": _settings(trace),
        "Data snapshot": _snapshot(trace),
        "Raw rows": iter((trace.raw_rows or {}).items()),
        "Checks": ((_MARKS[c.verdict] + c.subject, c.detail) for c in trace.checks),
    }
    blocks = []
    for title, facts in sections.items():
        told = [(name, str(value)) for name, value in facts if value is not None]
        width = max((len(name) for name, _ in told), default=0) + _GAP
        if told:
            blocks.append(
                "\n".join([title, *(f"  {name:<{width}}{value}" for name, value in told)])
            )
    return "\n\n".join([trace.decision_id, *blocks])


_Facts = Iterator[tuple[str, Any]]


def _decided(trace: DecisionTrace) -> _Facts:
    if trace.decision:
        yield from _decision(trace.decision)
    if trace.batch:
        yield from _batch(trace.batch)
    if trace.refusal:
        yield from _refusal(trace.refusal)


def _decision(facts: DecisionFacts) -> _Facts:
    yield "applicant", facts.sk_id_curr
    yield "PD", repr(facts.probability)
    yield "decision", f"{facts.decision}, grade {facts.grade}"
    overridden = ", set by the caller" if facts.threshold_overridden else ""
    yield "prediction", f"{facts.prediction} at threshold {facts.threshold!r}{overridden}"
    for number, reason in enumerate(facts.reasons, 1):
        yield f"reason {number}", f"{reason.code} {reason.words}"
    if facts.beside:
        yield "shadow of", facts.beside
    if facts.origin:
        yield "received", f"{facts.origin.received_at} as {facts.origin.form}"
        yield "caller", facts.origin.caller
        yield "request", f"{facts.origin.request_id}, record {facts.record}"
    yield "inputs", f"{facts.inputs} {facts.inputs_sha256 or ''}".rstrip()
    yield "warnings", facts.warnings or None
    if facts.policy:
        bands = facts.policy
        yield (
            "policy",
            f"approve below {bands.approve_below:g}, decline from {bands.decline_from:g}",
        )


def _batch(facts: BatchFacts) -> _Facts:
    yield "batch", f"{facts.batch_id}, {facts.started_at} to {facts.finished_at}"
    yield "row", facts.row
    for name, value in (facts.answer or {}).items():
        yield name, value
    yield "input", f"{facts.input.place}, {facts.input.rows:,} rows"
    for name, sha256 in facts.input.files.items():
        yield f"  {name}", sha256
    yield "output", f"{facts.output.place}, {facts.output.rows:,} rows, {facts.output.sha256}"
    if facts.chunk:
        chunk = facts.chunk
        yield "rows' proof", f"{chunk.first_row} to {chunk.last_row}: {chunk.sha256}"
    yield "threshold", repr(facts.threshold)


def _refusal(facts: RefusalFacts) -> _Facts:
    yield "refused", "nobody was decided on"
    for rule, count in facts.rules.items():
        yield "rule", f"{rule}, {count} times"
    yield "received", facts.origin.received_at
    yield "caller", facts.origin.caller
    yield "request", facts.origin.request_id
    yield "body", facts.body_sha256


def _ledger(trace: DecisionTrace) -> _Facts:
    place = trace.ledger
    yield "entry", f"{place.sequence}, a {place.kind}"
    yield "recorded", place.recorded_at
    yield "content", place.content_sha256
    yield "entry's hash", place.sha256
    yield "the one before", place.previous_sha256


def _model(trace: DecisionTrace) -> _Facts:
    model, registry = trace.model, trace.registry
    if model is None:
        return
    yield "name", model.model_name
    yield "version then", f"{model.version or 'none'} {' '.join(model.aliases)}".rstrip()
    yield "bundle", model.bundle_sha256
    yield "feature set", model.feature_set_sha256
    if registry:
        rolled_back = ", rolled back" if registry.rolled_back else ""
        standing = " ".join(registry.aliases) or "no alias"
        yield "version today", f"{standing}, {registry.evidence}{rolled_back}"


def _run(trace: DecisionTrace) -> _Facts:
    if trace.model is None:
        return
    yield "run", trace.model.run_id or _UNKNOWN
    yield "commit", trace.model.git_commit or _UNKNOWN


def _settings(trace: DecisionTrace) -> _Facts:
    settings: Mapping[str, Any] = trace.settings or (trace.run.parameters if trace.run else {})
    for name, value in settings.items():
        # A section of another kind of model decided nothing.
        if not isinstance(value, Mapping):
            yield name, value
        elif name == settings.get("model_type"):
            yield from value.items()


def _snapshot(trace: DecisionTrace) -> _Facts:
    if trace.model is not None:
        yield "raw files", trace.model.data_snapshot_sha256
    if trace.snapshot is None:
        return
    for name, sha256 in trace.snapshot.raw.items():
        yield f"  {name}", sha256
    yield "feature store", trace.snapshot.feature_store
    for side, sha256 in trace.snapshot.splits.items():
        yield f"split {side}", sha256
    yield "catalogue", trace.snapshot.catalogue
