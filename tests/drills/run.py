"""Play nights with faults that are drawn from a seed; print their table; exit 1 at any breach.

python tests/drills/run.py --nights 100 --seed 20261123 --table drills.md
"""

from __future__ import annotations

import argparse
import logging
import resource
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "unit/observability")]

from cloudwatch_servers import moto_server  # noqa: E402
from drill import Outcome, Turn, Undisturbed, drill, identity, kinds  # noqa: E402
from drill_project import NotBuilt, build, decide  # noqa: E402
from faults import FAKETIME, FAULTS, durations  # noqa: E402
from source_server import source_server  # noqa: E402
from warm_process import warm_process  # noqa: E402

LEAST_RECOVERED = 0.99


def main() -> int:
    """Play the nights that the command line asks for."""
    asked = _arguments()
    started = time.monotonic()
    # Told to end, it ends its servers and leaves nothing behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="drills-")))
        start = _undisturbed(stack, folder)
        outcomes = _played(asked, start, folder)
    lines = list(_table(asked, outcomes, time.monotonic() - started))
    sys.stdout.write("\n".join(lines) + "\n")
    if asked.table:
        asked.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    recovered = sum(outcome.recovered for outcome in outcomes) / len(outcomes)
    return int(recovered < LEAST_RECOVERED or any(outcome.breaches for outcome in outcomes))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=10)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=1e9, help="Begin no night afterwards.")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--only", type=int, nargs="*", help="These nights of the seed alone.")
    return parser.parse_args()


def _undisturbed(stack: ExitStack, folder: Path) -> Undisturbed:
    """Build the project and run the night that all others are compared with, twice."""
    for name in ("warm", "clocked"):
        (folder / name).mkdir()
    programs = stack.enter_context(warm_process(folder / "warm"))
    clock = {"LD_PRELOAD": _faketime(), "FAKETIME": "+0", "FAKETIME_NO_CACHE": "1"}
    clock |= {"NO_FAKE_STAT": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    clocked = stack.enter_context(warm_process(folder / "clocked", clock))
    cloudwatch = stack.enter_context(moto_server())
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    project = build(folder, programs)
    with source_server(folder / "source") as source:
        proxied = {"http_proxy": source.url, "HTTP_PROXY": source.url}
        served = project.with_variables(proxied)
        _green(served.command("dvc", "repro", "validate_model"))
        decide(served)
        _green(served.night())
        first = identity(project)
        _green(served.with_variables({"DRILL_SECONDS": str(folder / "seconds")}).night())
    if identity(project) != first:
        raise NotBuilt("two undisturbed nights differ")
    return Undisturbed(project, first, durations(folder / "seconds"), cloudwatch, clocked)


def _faketime() -> str:
    found = sorted(Path("/usr/lib").glob(f"*/faketime/{FAKETIME}"))
    if not found:
        raise NotBuilt(f"{FAKETIME} is missing: apt-get install faketime")
    return str(found[0])


def _green(process: object) -> None:
    if getattr(process, "returncode", 1):
        raise NotBuilt(getattr(process, "stdout", ""))


def _played(asked: argparse.Namespace, start: Undisturbed, folder: Path) -> list[Outcome]:
    """Play the nights on so many threads; each shows its line as it ends."""
    turn, drawn, ends = Turn(asked.nights), kinds(asked.nights, asked.seed), asked.minutes * 60
    outcomes: list[Outcome] = []
    began = time.monotonic()

    def work() -> None:
        while (night := turn.next()) is not None and time.monotonic() - began < ends:
            if asked.only and night not in asked.only:
                continue
            outcome = drill(night, asked.seed, drawn[night - 1], start, folder)
            outcomes.append(outcome)
            sys.stdout.write(f"{_row(outcome)}\n")
            sys.stdout.flush()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(asked.workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes, key=lambda outcome: outcome.night)


def _table(asked: argparse.Namespace, outcomes: Sequence[Outcome], seconds: float) -> Iterator[str]:
    work = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = f"{seconds / 60:.0f} minutes, {(work.ru_utime + work.ru_stime) / 60:.0f} of a processor"
    yield f"Seed {asked.seed}, {len(outcomes)} of {asked.nights} nights, {spent}."
    yield ""
    yield "| fault | nights | succeeded | refused or killed | recovered at once | next night | after the runbook's step | not recovered | breaches |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for kind in (*FAULTS, "all"):
        chosen = [one for one in outcomes if kind in {one.kind, "all"}]
        green = sum(one.first == "succeeded" for one in chosen)
        ways = Counter(one.recovery for one in chosen)
        numbers = [len(chosen), green, len(chosen) - green]
        numbers += [ways[way] for way in ("at once", "next night")]
        numbers += [ways["next night, after the runbook's step"], ways["not recovered"]]
        numbers += [sum(bool(one.breaches) for one in chosen)]
        yield f"| {kind} | {' | '.join(map(str, numbers))} |"
    yield ""
    for one in outcomes:
        if one.breaches:
            yield f"- night {one.night}, {one.kind} ({one.shown}): {'; '.join(one.breaches)}"


def _row(one: Outcome) -> str:
    breaches = "; ".join(one.breaches) or "none"
    return f"night {one.night}: {one.kind} ({one.shown}) -> {one.first} -> {one.recovery}; breaches: {breaches}"


if __name__ == "__main__":
    sys.exit(main())
