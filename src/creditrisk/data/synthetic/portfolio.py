"""A whole portfolio on disk: blocks are drawn by workers, their parts joined in order.

The files appear under their names only when all of them are complete. Their bytes depend on the
seed, the number of applicants and the scenario, never on workers or chunks.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from creditrisk.contracts.tables import RAW_FILES, RawTable, raw_tables, without_target
from creditrisk.core.files import atomic_path
from creditrisk.core.settings import SyntheticSettings
from creditrisk.data.synthetic.block import BlockTables, Outcome, draw_block
from creditrisk.data.synthetic.columns import ColumnSet, take_rows
from creditrisk.data.synthetic.people import Block, blocks_of, people_for
from creditrisk.data.synthetic.randomness import FloatArray, IntArray
from creditrisk.data.synthetic.scenarios import NO_SHIFT, Shift, shift_in_month
from creditrisk.data.synthetic.writing import header_line, write_rows, write_truth
from creditrisk.observability.progress import progress_bars

LABELLED_FILE = "application_train.csv"
UNLABELLED_FILE = "application_test.csv"
PRODUCTION_FOLDER = "production"
HISTORY_FILES = tuple(name for name in RAW_FILES if name != LABELLED_FILE)

Chunk = Literal["small", "medium", "large"]
# Blocks that a worker draws before it hands over its part.
CHUNK_BLOCKS = {"small": 1, "medium": 4, "large": 16}


@dataclass(frozen=True, slots=True)
class Population:
    """The people of one snapshot or production month, and where their files go."""

    month: int
    blocks: list[Block]
    shift: Shift
    folder: Path

    @property
    def files(self) -> dict[str, RawTable]:
        """File names with the table each holds."""
        tables = raw_tables()
        unlabelled = {UNLABELLED_FILE: without_target(tables["application"])}
        histories = {name: tables[RAW_FILES[name]] for name in HISTORY_FILES}
        if self.month:
            return unlabelled | histories
        return {LABELLED_FILE: tables["application"]} | unlabelled | histories


@dataclass(frozen=True, slots=True)
class _Task:
    """A chunk of one population, to be written into a folder of its own."""

    population: Population
    blocks: list[Block]
    seed: int
    folder: Path


def generate_portfolio(
    out: Path,
    truth: Path,
    settings: SyntheticSettings,
    *,
    threads: int | None = None,
    chunk: Chunk = "medium",
) -> None:
    """Write a generated portfolio and the true probabilities of default behind it.

    `out` receives the seven raw files and application_test.csv, and for each production month
    `production/month_NN/` with application_test.csv and the histories. `truth` receives
    application_train.parquet and application_test.parquet (SK_ID_CURR, TRUE_PD), and
    `production/month_NN.parquet` (SK_ID_CURR, TRUE_PD and the outcome, TARGET).

    Figures obtained on generated data say nothing about any real portfolio.

    Args:
        out: folder of the raw files.
        truth: folder of the true probabilities; only evaluation may read it.
        settings: size, seed, months and scenario.
        threads: worker processes; by default one for each processor.
        chunk: how much a worker draws before it hands over; changes no byte.
    """
    workers = threads or os.cpu_count() or 1
    for population in _populations(out, settings):
        _write_population(population, truth, settings.seed, workers, CHUNK_BLOCKS[chunk])


def generate_month(
    out: Path, truth: Path, settings: SyntheticSettings, month: int, *, threads: int | None = None
) -> Path:
    """Write one production month as `generate_portfolio` does, without the snapshot before it.

    Args:
        out: folder of the portfolio's raw files.
        truth: folder of the portfolio's true probabilities.
        settings: seed, applicants of a month and scenario.
        month: from 1 on.
        threads: worker processes; by default one for each processor.

    Returns:
        The folder of the month's raw files.
    """
    population = _month(out, settings, month)
    workers = threads or os.cpu_count() or 1
    _write_population(population, truth, settings.seed, workers, CHUNK_BLOCKS["medium"])
    return population.folder


def _populations(out: Path, settings: SyntheticSettings) -> Iterator[Population]:
    people = people_for(settings.applicants)
    yield Population(0, blocks_of(0, people), NO_SHIFT, out)
    for month in range(1, settings.months + 1):
        yield _month(out, settings, month)


def _month(out: Path, settings: SyntheticSettings, month: int) -> Population:
    shift = shift_in_month(settings.scenario, month)
    folder = out / PRODUCTION_FOLDER / f"month_{month:02d}"
    blocks = blocks_of(month, settings.applicants_each_month, shift.default_odds_factor)
    return Population(month, blocks, shift, folder)


def _write_population(
    population: Population, truth: Path, seed: int, workers: int, chunk_blocks: int
) -> None:
    population.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        targets = {
            name: stack.enter_context(atomic_path(population.folder / name))
            for name in population.files
        }
        parts = Path(tempfile.mkdtemp(dir=population.folder, prefix=".parts."))
        stack.callback(shutil.rmtree, parts, ignore_errors=True)
        tasks = [
            _Task(
                population,
                population.blocks[first : first + chunk_blocks],
                seed,
                parts / str(first),
            )
            for first in range(0, len(population.blocks), chunk_blocks)
        ]
        outcomes = _join_parts(population, targets, tasks, workers)
        for path, columns in _truth_tables(population, truth, outcomes).items():
            write_truth(stack.enter_context(atomic_path(path)), columns)


def _join_parts(
    population: Population, targets: dict[str, Path], tasks: list[_Task], workers: int
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with ExitStack() as stack:
        streams = {name: stack.enter_context(path.open("wb")) for name, path in targets.items()}
        for name, table in population.files.items():
            streams[name].write(header_line(table))
        progress = stack.enter_context(progress_bars())
        results = stack.enter_context(_results(tasks, workers))
        for task, chunk in zip(
            tasks, progress.track(results, len(tasks), description=_title(population)), strict=True
        ):
            outcomes += chunk
            _append_parts(task.folder, streams)
    return outcomes


def _title(population: Population) -> str:
    return f"generate month {population.month}" if population.month else "generate portfolio"


def _append_parts(folder: Path, streams: Mapping[str, BinaryIO]) -> None:
    for name, stream in streams.items():
        with (folder / name).open("rb") as part:
            shutil.copyfileobj(part, stream, 1 << 22)
    shutil.rmtree(folder)


@contextmanager
def _results(tasks: list[_Task], workers: int) -> Iterator[Iterable[list[Outcome]]]:
    """The outcomes of each task, in order; in this process where one worker is enough."""
    workers = min(workers, len(tasks))
    if workers == 1:
        yield map(_write_chunk, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent) as pool:
        yield pool.map(_write_chunk, tasks)


def _end_with_parent() -> None:
    """Let a worker end when its parent is killed, instead of waiting for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent.sentinel,), daemon=True).start()


def _exit_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def _write_chunk(task: _Task) -> list[Outcome]:
    """Draw a chunk's blocks and write its part of every file."""
    task.folder.mkdir()
    outcomes = []
    with ExitStack() as stack:
        streams = {
            name: stack.enter_context((task.folder / name).open("wb"))
            for name in task.population.files
        }
        for block in task.blocks:
            drawn = draw_block(block, task.seed, task.population.shift)
            _write_block(task.population, drawn, streams)
            outcomes.append(drawn.outcome)
    return outcomes


def _write_block(
    population: Population, drawn: BlockTables, streams: Mapping[str, BinaryIO]
) -> None:
    for name, table in population.files.items():
        write_rows(streams[name], table, _rows_of(name, population, drawn))


def _rows_of(name: str, population: Population, drawn: BlockTables) -> ColumnSet:
    rows = drawn.tables[RAW_FILES.get(name, "application")]
    if name == LABELLED_FILE:
        return take_rows(rows, ~drawn.outcome.is_test)
    if name == UNLABELLED_FILE and population.month == 0:
        return take_rows(rows, drawn.outcome.is_test)
    return rows


def _truth_tables(
    population: Population, truth: Path, outcomes: list[Outcome]
) -> dict[Path, dict[str, FloatArray | IntArray]]:
    sk_id = np.concatenate([outcome.sk_id for outcome in outcomes])
    probability = np.concatenate([outcome.probability for outcome in outcomes])
    is_test = np.concatenate([outcome.is_test for outcome in outcomes])
    columns = {"SK_ID_CURR": sk_id, "TRUE_PD": probability}
    if population.month:
        target = np.concatenate([outcome.defaulted for outcome in outcomes]).astype(np.int64)
        path = truth / PRODUCTION_FOLDER / f"month_{population.month:02d}.parquet"
        return {path: columns | {"TARGET": target}}
    return {
        truth / "application_train.parquet": {k: v[~is_test] for k, v in columns.items()},
        truth / "application_test.parquet": {k: v[is_test] for k, v in columns.items()},
    }
