"""A closed-loop HTTP client: so many connections, each sends its next request once it has an answer.

    python benchmarks/load.py --url http://127.0.0.1:8000/predict --bodies bodies.jsonl --clients 32

prints one line of JSON. Bodies are sent in turn, one a line of the file. It runs as a process of its
own, so that the server's threads do not wait for the client's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

WARM_UP_SHARE = 0.1  # of the seconds; what is answered then is not counted


@dataclass
class Outcome:
    """Answers by status, their latencies in seconds, the ids of the decisions in them.

    `disconnected` clients were left by the server before their time was up.
    """

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    decision_ids: list[str] = field(default_factory=list)
    with_reasons: int = 0
    disconnected: int = 0


@dataclass(frozen=True)
class Plan:
    """When clients stop, from when on answers count, seconds between a client's requests."""

    url: str
    counted_from: float
    deadline: float
    pause: float


@dataclass(frozen=True)
class Summary:
    """What a person reads: rate, percentiles in milliseconds, failures, share with reasons."""

    clients: int
    requests: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    failures: int
    statuses: dict[str, int]
    with_reasons_share: float


class Connection(asyncio.Protocol):
    """One keep-alive connection; answers need a Content-Length."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Send a request; the future gives status and body."""
        self._buffer.clear()
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        """Complete the answer once all of it is there."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._answer is None or self._answer.done():
            return
        head = bytes(self._buffer[:end]).lower()
        _, _, rest = head.partition(b"content-length:")
        length = int(rest.split(b"\r\n", 1)[0])
        if len(self._buffer) >= end + 4 + length:
            status = int(head.split(b" ", 2)[1])
            self._answer.set_result((status, bytes(self._buffer[end + 4 :])))

    def connection_lost(self, error: Exception | None) -> None:
        """Fail what still waits."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("closed by the server"))

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


def main() -> None:
    """Send what was asked for and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--bodies", type=Path, required=True, help="JSON lines")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, help="requests a second of all; as fast as it goes")
    parser.add_argument("--header", action="append", default=[], help="NAME: VALUE")
    parser.add_argument("--ids", type=Path, help="where the ids of acknowledged decisions are kept")
    options = parser.parse_args()
    bodies = options.bodies.read_bytes().splitlines()
    requests = [request_of(options.url, body, options.header) for body in bodies]
    outcome = uvloop.run(load(options.url, requests, options))
    if options.ids:
        options.ids.write_text("\n".join(outcome.decision_ids))
    sys.stdout.write(json.dumps(asdict(summary(outcome, options.clients))) + "\n")


def request_of(url: str, body: bytes, headers: list[str]) -> bytes:
    """The bytes of one POST."""
    parts = urlsplit(url)
    lines = [
        f"POST {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def load(url: str, requests: list[bytes], options: argparse.Namespace) -> Outcome:
    """Run all clients until the time is up."""
    outcome = Outcome()
    start = time.perf_counter()
    plan = Plan(
        url=url,
        counted_from=start + options.seconds * WARM_UP_SHARE,
        deadline=start + options.seconds,
        pause=options.clients / options.rate if options.rate else 0.0,
    )
    turns = (requests[number:] + requests[:number] for number in range(options.clients))
    clients = (
        _client(plan, turn, outcome, delay=plan.pause * number / options.clients)
        for number, turn in enumerate(turns)
    )
    ends = await asyncio.gather(*clients, return_exceptions=True)
    for end in ends:
        if end is not None and not isinstance(end, OSError):
            raise end
        outcome.disconnected += end is not None
    outcome.seconds = time.perf_counter() - plan.counted_from
    return outcome


async def _client(plan: Plan, requests: list[bytes], outcome: Outcome, delay: float) -> None:
    parts = urlsplit(plan.url)
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, parts.hostname, parts.port)
    turn = 0
    await asyncio.sleep(delay)  # steady clients do not all send at once
    try:
        while (sent := time.perf_counter()) < plan.deadline:
            status, body = await connection.ask(requests[turn % len(requests)])
            done = time.perf_counter()
            turn += 1
            note(outcome, status, body)
            if sent >= plan.counted_from:
                outcome.statuses[status] += 1
                outcome.latencies.append(done - sent)
            if plan.pause:
                await asyncio.sleep(max(0.0, sent + plan.pause - done))
    finally:
        connection.close()


def note(outcome: Outcome, status: int, body: bytes) -> None:
    """Keep what the answer acknowledges."""
    if status != 200 or b'"decision_id"' not in body:  # noqa: PLR2004 - HTTP's OK
        return
    answers = json.loads(body)["predictions"]
    outcome.decision_ids += [answer["decision_id"] for answer in answers]
    outcome.with_reasons += sum(bool(answer["reasons"]) for answer in answers)


def summary(outcome: Outcome, clients: int) -> Summary:
    """Percentiles by rank of what was counted."""
    ranked = sorted(outcome.latencies) or [float("nan")]

    def at(share: float) -> float:
        return round(1000 * ranked[min(len(ranked) - 1, int(share * len(ranked)))], 2)

    count = len(outcome.latencies)
    return Summary(
        clients=clients,
        requests=count,
        requests_per_second=round(count / outcome.seconds, 1),
        p50_ms=at(0.5),
        p99_ms=at(0.99),
        worst_ms=at(1.0),
        failures=outcome.disconnected
        + sum(n for status, n in outcome.statuses.items() if status != 200),  # noqa: PLR2004
        statuses={str(status): n for status, n in sorted(outcome.statuses.items())},
        with_reasons_share=round(outcome.with_reasons / max(1, len(outcome.decision_ids)), 3),
    )


if __name__ == "__main__":
    main()
