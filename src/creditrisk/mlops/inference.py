"""MLflow's records of what was answered: a run a session, nested runs for the requests in it.

A nested run stands for a range of the decision ledger. It counts once it is finished, and it says
where its range ends, so that the store itself knows up to where everything was delivered: whoever
was interrupted asks, removes what was left unfinished, and goes on from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from creditrisk.mlops.store import store_client

Kind = Literal["decision", "refusal", "shadow", "batch"]

RECORD_TAG = "record"
SESSION_RECORD, REQUESTS_RECORD = "session", "requests"
SESSION_TAG = "session"
LEDGER_TAG = "ledger_id"
KEY_TAG = "ledger_key"
SHA256_TAG = "ledger_sha256"
LAST_METRIC = "ledger_last"

_PARENT_TAG = "mlflow.parentRunId"
_OF_CALLERS: tuple[Kind, ...] = ("decision", "refusal")
# Plain names are those of answers that a caller got.
_PREFIXES: dict[Kind, str] = {"decision": "", "shadow": "shadow_", "batch": "batch_"}
_MOST_RULES = 20
_MOST_UNFINISHED = 1_000
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class RequestSummary:
    """One request as the ledger holds it, in the entries `first` to `last`.

    `recorded_at` is in seconds since 1970. `latency_ms` is what passed between the request's arrival
    and its entry in the ledger. `retired` entries have no content any more, `unreadable` ones are
    no decisions of a known form; both are counted, never passed over.
    """

    kind: Kind
    request_id: str
    first: int
    last: int
    sha256: str
    recorded_at: float
    entities: int
    latency_ms: float | None = None
    probabilities: Sequence[float] = ()
    decisions: Mapping[str, int] = field(default_factory=dict)
    models: frozenset[tuple[str, str]] = frozenset()
    refused_rules: Sequence[str] = ()
    warnings: int = 0
    retired: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class InferenceRun:
    """A nested run as it is to be written; times in milliseconds since 1970."""

    name: str
    session: str
    first: int
    last: int
    sha256: str
    started: int
    ended: int
    tags: Mapping[str, str]
    metrics: Mapping[str, float]

    @property
    def key(self) -> str:
        """What the run stands for: a range of the ledger, and the hash of the chain at its end."""
        return f"{self.first}-{self.last}-{self.sha256[:_DIGITS]}"


@dataclass(frozen=True, slots=True)
class Delivered:
    """Up to where the store holds the ledger: an entry's sequence and its hash in the chain."""

    sequence: int
    sha256: str


def inference_run(requests: Sequence[RequestSummary], session: str) -> InferenceRun:
    """The run of one request, or of all requests of a window."""
    first, last = requests[0], requests[-1]
    alone = len(requests) == 1
    latencies = [request.latency_ms or 0.0 for request in requests]
    start = min(
        request.recorded_at - ms / 1e3 for request, ms in zip(requests, latencies, strict=True)
    )
    return InferenceRun(
        name=first.request_id if alone else f"{len(requests)} requests",
        session=session,
        first=first.first,
        last=last.last,
        sha256=last.sha256,
        started=int(start * 1e3),
        ended=int(max(request.recorded_at for request in requests) * 1e3),
        tags=_tags(requests) | ({"request_id": first.request_id} if alone else {}),
        metrics=_metrics(requests),
    )


class InferenceStore:
    """The inference experiment of one ledger; it is made with its first run.

    One process at a time may deliver for a ledger: two would deliver the same range twice.
    """

    def __init__(self, experiment: str, ledger_id: str) -> None:
        self._experiment = experiment
        self._ledger_id = ledger_id
        self._sessions: dict[str, str] = {}
        self._known_id: str | None = None

    def resume(self) -> Delivered | None:
        """Remove runs that an interrupted delivery left unfinished; up to where all is delivered.

        Raises:
            TrackingUnavailable: the store does not answer.
        """
        self._sessions.clear()
        self._known_id = None
        with store_client() as client:
            experiment = client.get_experiment_by_name(self._experiment)
            if experiment is None:
                return None
            for run in self._runs(client, experiment.experiment_id, "!= 'FINISHED'"):
                client.delete_run(run.info.run_id)
            finished = self._runs(client, experiment.experiment_id, "= 'FINISHED'", most=1)
        return _delivered(finished[0]) if finished else None

    def deliver(self, run: InferenceRun) -> str:
        """Write a run, finished; where this raises, `resume` comes before the next delivery.

        Returns:
            The id of the run.

        Raises:
            TrackingUnavailable: the store does not answer. The run may stand or not.
        """
        with store_client() as client:
            from mlflow.entities import Metric, RunTag

            experiment_id = self._experiment_id(client)
            made = client.create_run(
                experiment_id,
                start_time=run.started,
                run_name=run.name,
                tags={
                    _PARENT_TAG: self._session_run(client, experiment_id, run),
                    RECORD_TAG: REQUESTS_RECORD,
                    LEDGER_TAG: self._ledger_id,
                },
            )
            own = {SESSION_TAG: run.session, KEY_TAG: run.key, SHA256_TAG: run.sha256}
            metrics = {**run.metrics, LAST_METRIC: float(run.last)}
            client.log_batch(
                made.info.run_id,
                metrics=[Metric(name, value, run.ended, 0) for name, value in metrics.items()],
                tags=[RunTag(name, value) for name, value in {**run.tags, **own}.items()],
            )
            client.set_terminated(made.info.run_id, "FINISHED", run.ended)
            return str(made.info.run_id)

    def _runs(self, client: Any, experiment_id: str, status: str, most: int | None = None) -> Any:
        """Runs of requests, those first that end latest in the ledger."""
        return client.search_runs(
            [experiment_id],
            filter_string=f"{self._is(REQUESTS_RECORD)} and attributes.status {status}",
            order_by=[f"metrics.{LAST_METRIC} DESC"],
            max_results=most or _MOST_UNFINISHED,
        )

    def _is(self, record: str) -> str:
        return f"tags.{LEDGER_TAG} = '{self._ledger_id}' and tags.{RECORD_TAG} = '{record}'"

    def _experiment_id(self, client: Any) -> str:
        if self._known_id is None:
            found = client.get_experiment_by_name(self._experiment)
            made = found.experiment_id if found else client.create_experiment(self._experiment)
            self._known_id = str(made)
        return self._known_id

    def _session_run(self, client: Any, experiment_id: str, run: InferenceRun) -> str:
        """The id of the session's run, which is made with its first request."""
        if run.session not in self._sessions:
            self._end_sessions_before(client, experiment_id, run)
            found = client.search_runs(
                [experiment_id],
                filter_string=f"{self._is(SESSION_RECORD)} and tags.{SESSION_TAG} = '{run.session}'",
                max_results=1,
            )
            session = found[0] if found else self._new_session(client, experiment_id, run)
            self._sessions = {run.session: str(session.info.run_id)}
        return self._sessions[run.session]

    def _new_session(self, client: Any, experiment_id: str, run: InferenceRun) -> Any:
        return client.create_run(
            experiment_id,
            start_time=run.started,
            run_name=f"serving {run.session}",
            tags={
                RECORD_TAG: SESSION_RECORD,
                LEDGER_TAG: self._ledger_id,
                SESSION_TAG: run.session,
            },
        )

    def _end_sessions_before(self, client: Any, experiment_id: str, run: InferenceRun) -> None:
        running = client.search_runs(
            [experiment_id],
            filter_string=(
                f"{self._is(SESSION_RECORD)} and tags.{SESSION_TAG} != '{run.session}' "
                "and attributes.status = 'RUNNING'"
            ),
        )
        for session in running:
            client.set_terminated(session.info.run_id, "FINISHED", run.started)


def _delivered(run: Any) -> Delivered:
    return Delivered(int(run.data.metrics[LAST_METRIC]), run.data.tags[SHA256_TAG])


def _tags(requests: Sequence[RequestSummary]) -> dict[str, str]:
    models = sorted(frozenset().union(*(request.models for request in requests)))
    rules = Counter(rule for request in requests for rule in request.refused_rules)
    # A shadow is no further applicant.
    counted = [request for request in requests if request.kind != "shadow"] or requests
    tags = {
        "kind": ",".join(sorted({request.kind for request in requests})),
        "entity_count": str(sum(request.entities for request in counted)),
        "request_count": str(len(requests)),
        "model_version": ",".join(version for version, _ in models),
        "bundle_sha256": ",".join(sha256 for _, sha256 in models),
        "refused_rules": ",".join(
            f"{rule}:{count}" for rule, count in rules.most_common(_MOST_RULES)
        ),
    }
    return {name: value for name, value in tags.items() if value}


def _metrics(requests: Sequence[RequestSummary]) -> dict[str, float]:
    """PDs, decisions, latency and errors; a figure that has no rows to it is left out."""
    metrics: dict[str, float] = {
        "requests": sum(request.kind in _OF_CALLERS for request in requests),
        "refusals": sum(request.kind == "refusal" for request in requests),
        "warnings": sum(request.warnings for request in requests),
        "retired": sum(request.retired for request in requests),
        "unreadable": sum(request.unreadable for request in requests),
    }
    for kind, prefix in _PREFIXES.items():
        of_kind = [request for request in requests if request.kind == kind]
        metrics |= {f"{prefix}{name}": value for name, value in _answered(of_kind).items()}
    answered = [
        request.latency_ms
        for request in requests
        if request.kind in _OF_CALLERS and request.latency_ms is not None
    ]
    return {**metrics, **_distribution("latency_ms", answered, (50, 95, 99))}


def _answered(requests: Sequence[RequestSummary]) -> dict[str, float]:
    decisions: Counter[str] = sum((Counter(request.decisions) for request in requests), Counter())
    decided = decisions.total()
    pds = [pd for request in requests for pd in request.probabilities]
    rates = {
        "approval_rate": decisions["approve"],
        "refer_rate": decisions["refer"],
        "decline_rate": decisions["decline"],
    }
    return {
        **({"entities": sum(request.entities for request in requests)} if requests else {}),
        **_distribution("pd", pds, (10, 50, 90)),
        **({name: count / decided for name, count in rates.items()} if decided else {}),
    }


def _distribution(
    name: str, values: Sequence[float], percentiles: tuple[int, ...]
) -> dict[str, float]:
    if not values:
        return {}
    points = np.percentile(values, percentiles).tolist()
    return {
        f"{name}_mean": float(np.mean(values)),
        **{f"{name}_p{at}": point for at, point in zip(percentiles, points, strict=True)},
    }
