"""A batch from input to output."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from batch_runs import FIRST_ID, Batches, feature_rows, lines_of, with_cell

from creditrisk.core.errors import MissingFile
from creditrisk.core.files import sha256_of
from creditrisk.core.settings import PolicySettings
from creditrisk.scoring.answers import DecisionMaker
from creditrisk.scoring.batch import job
from creditrisk.scoring.batch.chunk_scoring import ChunkScorer, ColumnTrees
from creditrisk.scoring.batch.errors import (
    BatchIdTaken,
    BatchRunning,
    CannotResume,
    ChangedWhileRead,
    NothingToScore,
    RowRefused,
    ScoresDiffer,
    UploadFailed,
)
from creditrisk.scoring.batch.record import BatchRecord, row_of
from creditrisk.scoring.batch.summary import BatchSummary
from creditrisk.scoring.batch.work import work_folder

BATCH = "nightly-2026-11-23"


def left_behind(batches: Batches) -> set[str]:
    return {path.name for path in batches.folder.iterdir()} - {"rows.parquet", "rows.csv"}


def test_the_input_s_columns_stay_and_the_answers_follow(batches: Batches) -> None:
    """The output is the input with decision id, PD, prediction, decision and grade beside it."""
    table = feature_rows(40)
    batches.run(batches.saved(table), batch_id=BATCH)
    answers = batches.answers()
    assert answers.select(table.column_names).equals(table)
    assert answers.column_names[len(table.column_names) :] == [
        *("decision_id", "probability", "prediction", "decision", "grade")
    ]
    assert answers.column("decision_id").to_pylist()[:2] == [f"{BATCH}-1", f"{BATCH}-2"]


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv"])
@pytest.mark.parametrize("output", ["out.parquet", "out.csv"])
def test_answers_are_those_of_the_decision_maker(batches: Batches, name: str, output: str) -> None:
    """PD to the last bit, prediction, decision, grade and reasons are what the API answers."""
    table = feature_rows(300)
    batches.run(batches.saved(table, name), output, reasons=True)
    seen = batches.answers(output)
    required = DecisionMaker(batches.model.scorer, PolicySettings()).decide_records(
        table.to_pylist()
    )
    for column in ("probability", "prediction", "decision", "grade"):
        assert seen.column(column).to_pylist() == [getattr(answer, column) for answer in required]
    assert [reasons_of(text) for text in seen.column("reasons").to_pylist()] == [
        [asdict(reason) for reason in answer.reasons] for answer in required
    ]


def reasons_of(text: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text or "[]")
    return found


@pytest.mark.parametrize(("threads", "chunk_rows"), [(1, 1_000), (1, 7), (2, 64), (4, 33)])
def test_answers_depend_on_neither_threads_nor_chunks(
    batches: Batches, threads: int, chunk_rows: int
) -> None:
    """Every PD is the same to the last bit at any number of threads and size of chunks."""
    table = feature_rows(200)
    batches.run(batches.saved(table), threads=threads, chunk_rows=chunk_rows)
    assert batches.answers().column("probability").to_pylist() == batches.pds(table)


def test_same_batch_same_bytes(batches: Batches) -> None:
    """The same input, model and batch id give the same output at any number of threads."""
    source = batches.saved(feature_rows(300))
    digests = set()
    for threads in (1, 2, 3):
        batches.run(source, threads=threads, recorded=False, batch_id=BATCH, chunk_rows=50)
        digests.add(sha256_of(batches.folder / "out.parquet"))
    assert len(digests) == 1


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_lines_of_a_csv_file_stay_as_they_are(batches: Batches, line_end: str) -> None:
    """From CSV to CSV each scored line keeps its bytes, and the answers stand after it."""
    table = feature_rows(4).append_column("note", [["plain"] * 4])
    lines = lines_of(table)
    notes = ['"two\nlines, ""quoted"""', "", "5.10", "plain"]
    given = (line.removesuffix('"plain"') for line in lines[1:])
    kept = [line + note for line, note in zip(given, notes, strict=True)]
    source = batches.folder / "rows.csv"
    source.write_bytes(line_end.join([lines[0], kept[0], f"{kept[1]},more", *kept[2:]]).encode())
    batches.run(source, "out.csv", batch_id=BATCH, chunk_rows=2)
    header, _, rows = (batches.folder / "out.csv").read_bytes().decode().partition("\n")
    assert header == f"{lines[0]},decision_id,probability,prediction,decision,grade"
    pds = batches.pds(table)
    for number in (1, 3, 4):
        assert f"{kept[number - 1]},{BATCH}-{number},{pds[number - 1]!r}," in rows
    assert batches.rejects()[0]["row"] == 2
    assert rows.count(BATCH) == 3


def test_a_repeated_applicant_is_the_first_reject_of_a_strict_batch(batches: Batches) -> None:
    """Strict mode names the earliest row, though its twin stands chunks further down."""
    table = with_cell(feature_rows(9), "CNT_CHILDREN", 5, 99)
    table = with_cell(table, "SK_ID_CURR", 8, FIRST_ID + 1)
    with pytest.raises(RowRefused, match=r"row 2 .*unique_applicant"):
        batches.run(batches.saved(table), strict=True, chunk_rows=2)


@pytest.mark.parametrize("chunk_rows", [2, 100])
def test_all_rows_of_a_repeated_applicant_are_rejected(batches: Batches, chunk_rows: int) -> None:
    """Of two rows of one applicant nobody knows the right one, however far apart they stand."""
    table = with_cell(feature_rows(9), "SK_ID_CURR", 8, FIRST_ID + 1)
    batches.run(batches.saved(table), chunk_rows=chunk_rows)
    assert [(r["row"], r["rule"]) for r in batches.rejects()] == [
        (2, "features.unique_applicant"),
        (8, "features.unique_applicant"),
    ]
    assert batches.answers().num_rows == 7
    summary = BatchSummary.read(batches.folder / "out.summary.json")
    assert (summary.input.rows, summary.output.rows, summary.resumed_chunks) == (9, 7, 0)


def test_rows_keep_their_number_past_rejects(batches: Batches) -> None:
    """A decision id counts the rows of the input, rejected ones and unreadable lines included."""
    lines = lines_of(feature_rows(4))
    lines[2] += ",more"
    batches.run(batches.text(lines), batch_id=BATCH)
    ids = batches.answers().column("decision_id").to_pylist()
    assert ids == [f"{BATCH}-1", f"{BATCH}-3", f"{BATCH}-4"]


def test_strict_stops_at_the_first_reject_and_writes_nothing(batches: Batches) -> None:
    """The error names row, applicant, rule, value and requirement; no file stays."""
    table = with_cell(feature_rows(9), "CNT_CHILDREN", 5, 99)
    with pytest.raises(RowRefused, match=r"row 5 \(applicant 100005\), column CNT_CHILDREN: .*99"):
        batches.run(batches.saved(table), strict=True, chunk_rows=2)
    assert not left_behind(batches)


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv"])
def test_an_empty_table_is_refused(batches: Batches, name: str) -> None:
    """A header alone holds nothing to score."""
    with pytest.raises(NothingToScore, match="it holds no row"):
        batches.run(batches.saved(feature_rows(1).slice(0, 0), name))
    assert not left_behind(batches)


def test_where_all_rows_are_rejected_only_the_rejects_are_written(batches: Batches) -> None:
    """Nothing to answer is a refusal, but its reasons are told."""
    with pytest.raises(NothingToScore, match="all 1 rows were rejected"):
        batches.run(batches.saved(with_cell(feature_rows(1), "CNT_CHILDREN", 1, -1)))
    assert left_behind(batches) == {"out.rejects.csv"}


def test_one_row_is_a_batch(batches: Batches) -> None:
    """A table of one row is scored."""
    table = feature_rows(1)
    batches.run(batches.saved(table))
    assert batches.answers().column("probability").to_pylist() == batches.pds(table)


def test_nothing_but_the_files_asked_for_stays(batches: Batches) -> None:
    """The work folder is gone after a finished batch."""
    batches.run(batches.saved(feature_rows(9)))
    assert left_behind(batches) == {"out.parquet", "out.rejects.csv", "out.summary.json"}


def test_a_missing_input_is_told(batches: Batches) -> None:
    """A path where nothing lies is refused by its name, and nothing is left behind."""
    with pytest.raises(MissingFile, match=r"rows\.parquet does not exist"):
        batches.run(batches.folder / "rows.parquet")
    assert not left_behind(batches)


def test_the_summary_says_what_was_done(batches: Batches) -> None:
    """Counts, mean PD, decisions, grades and hashes are those of the files."""
    table = with_cell(feature_rows(50), "CNT_CHILDREN", 5, 99)
    source = batches.saved(table)
    batches.run(source)
    summary = BatchSummary.read(batches.folder / "out.summary.json")
    pds = batches.answers().column("probability").to_pylist()
    assert summary.mean_probability == pytest.approx(sum(pds) / 49)
    assert sum(summary.decisions.values()) == sum(summary.grades.values()) == 49
    assert summary.input.files == {"rows.parquet": sha256_of(source)}
    assert summary.output.sha256 == sha256_of(batches.folder / "out.parquet")
    assert (summary.input.rows, summary.rejects.rows, summary.recorded) == (50, 1, True)


def test_the_record_proves_each_row(batches: Batches) -> None:
    """A row's id leads to the record, and its chunk's hash follows from ids and PDs alone."""
    table = with_cell(feature_rows(50), "CNT_CHILDREN", 5, 99)
    batches.run(batches.saved(table), batch_id=BATCH, chunk_rows=20)
    answers = batches.answers()
    batch_id, row = row_of(answers.column("decision_id")[30].as_py()) or ("", 0)
    record = BatchRecord.model_validate(batches.record(batch_id))
    chunk = record.chunk_of(row)
    assert (row, chunk.first_row if chunk else 0) == (32, 21)
    assert [c.scored for c in record.chunks] == [19, 20, 10]
    assert record.chunk_of(51) is None
    assert record.output.sha256 == sha256_of(batches.folder / "out.parquet")


def test_a_batch_id_is_used_once(batches: Batches) -> None:
    """An id that the ledger knows is refused before anything is scored."""
    source = batches.saved(feature_rows(5))
    batches.run(source, batch_id=BATCH)
    with pytest.raises(BatchIdTaken, match=BATCH):
        batches.run(source, "other.parquet", batch_id=BATCH)
    assert not (batches.folder / "other.parquet").exists()


class Killed(BaseException):
    """Stands for the end of the process."""


def kill_at(monkeypatch: pytest.MonkeyPatch, target: object, name: str, after: int = 0) -> None:
    """Let the call after so many others end the process."""
    original = getattr(target, name)
    calls = iter(range(10_000))

    def call(*words: Any, **options: Any) -> Any:
        if next(calls) >= after:
            raise Killed
        return original(*words, **options)

    monkeypatch.setattr(target, name, call)


STEPS = [
    (ChunkScorer, "_scored", 3),
    (job, "sha256_of", 0),
    (job, "record_batch", 0),
    (job, "put", 0),
    (job, "put", 1),
    (job, "put", 2),
]
"""Where a batch may be killed, from its first chunks to its last file."""


@pytest.mark.parametrize(("target", "name", "after"), STEPS)
def test_a_killed_batch_is_resumed_to_the_same_bytes(
    batches: Batches, monkeypatch: pytest.MonkeyPatch, target: object, name: str, after: int
) -> None:
    """Killed anywhere, `--resume` ends as if nothing had been: same bytes, one record."""
    table = with_cell(feature_rows(100), "CNT_CHILDREN", 5, 99)
    source = batches.saved(table)
    batches.run(source, "whole.parquet", batch_id=BATCH, chunk_rows=10, recorded=False)
    with monkeypatch.context() as patched:
        kill_at(patched, target, name, after)
        with pytest.raises(Killed):
            batches.run(source, batch_id=BATCH, chunk_rows=10, threads=1)
    resumed = batches.run(source, chunk_rows=10, resume=True)
    assert resumed.batch_id == BATCH
    assert resumed.resumed_chunks == (3 if target is ChunkScorer else 10)
    for ending in (".parquet", ".rejects.csv"):
        assert sha256_of(batches.folder / f"out{ending}") == sha256_of(
            batches.folder / f"whole{ending}"
        )
    assert [d.decision_id for d in batches.ledger.after(0)] == [BATCH]


def interrupted(batches: Batches, monkeypatch: pytest.MonkeyPatch, source: Path) -> None:
    """Leave a batch of which three chunks are done."""
    with monkeypatch.context() as patched:
        kill_at(patched, ChunkScorer, "_scored", 3)
        with pytest.raises(Killed):
            batches.run(source, chunk_rows=10, threads=1)


@pytest.mark.parametrize(
    ("changed", "options"),
    [
        ("input_files", {}),
        ("reasons", {"reasons": True}),
        ("chunk_rows", {"chunk_rows": 11}),
        ("batch_id", {"batch_id": "another-batch"}),
    ],
)
def test_another_batch_is_not_resumed(
    batches: Batches, monkeypatch: pytest.MonkeyPatch, changed: str, options: dict[str, Any]
) -> None:
    """A changed input or option refuses to resume, says what changed, and keeps what is there."""
    source = batches.saved(feature_rows(100))
    interrupted(batches, monkeypatch, source)
    before = left_behind(batches)
    if changed == "input_files":
        batches.saved(feature_rows(100, seed=2))
    with pytest.raises(CannotResume, match=changed):
        batches.run(source, resume=True, **{"chunk_rows": 10, **options})
    assert left_behind(batches) == before


def test_another_model_does_not_resume(batches: Batches, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed model refuses to resume."""
    source = batches.saved(feature_rows(100))
    interrupted(batches, monkeypatch, source)
    monkeypatch.setattr(batches.model.scorer, "bundle_sha256", "0" * 64)
    with pytest.raises(CannotResume, match="bundle_sha256"):
        batches.run(source, resume=True, chunk_rows=10)


def test_damaged_scores_are_made_again(batches: Batches, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kept chunk whose content was changed is not believed."""
    table = feature_rows(100)
    source = batches.saved(table)
    interrupted(batches, monkeypatch, source)
    (batches.folder / ".out.parquet.batch/chunk-00000001.parquet").write_bytes(b"PAR1")
    resumed = batches.run(source, resume=True, chunk_rows=10)
    assert resumed.resumed_chunks == 2
    assert batches.answers().column("probability").to_pylist() == batches.pds(table)


def test_without_resume_a_batch_starts_anew(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed run left does not matter to a run that does not ask for it."""
    source = batches.saved(feature_rows(100))
    interrupted(batches, monkeypatch, source)
    assert batches.run(source, chunk_rows=10).resumed_chunks == 0


def test_resume_where_nothing_was_begun_is_a_new_batch(batches: Batches) -> None:
    """A nightly job may always say --resume."""
    assert batches.run(batches.saved(feature_rows(5)), resume=True).output.rows == 5


def test_two_batches_never_write_one_output(batches: Batches) -> None:
    """While a batch is being made, another into the same output is refused."""
    source = batches.saved(feature_rows(5))
    with work_folder(batches.folder / ".out.parquet.batch"), pytest.raises(BatchRunning):
        batches.run(source)


def test_an_input_that_changes_meanwhile_is_refused(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers to rows that nobody has any more are not written."""
    source = batches.saved(feature_rows(20))
    original = ChunkScorer.score

    def score(scorer: ChunkScorer, *words: Any) -> Any:
        batches.saved(feature_rows(20))
        return original(scorer, *words)

    monkeypatch.setattr(ChunkScorer, "score", score)
    with pytest.raises(ChangedWhileRead, match=r"rows\.parquet was changed"):
        batches.run(source)
    assert not left_behind(batches)


def test_a_score_that_is_not_the_booster_s_ends_the_batch(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fast evaluation is compared with the booster in every chunk, to the last bit."""
    original = ColumnTrees.raw_scores
    monkeypatch.setattr(
        ColumnTrees, "raw_scores", lambda trees, columns: original(trees, columns) * (1 + 2e-16)
    )
    with pytest.raises(ScoresDiffer, match="must agree to the last bit"):
        batches.run(batches.saved(feature_rows(500)))
    assert not left_behind(batches)


def test_a_refused_batch_leaves_the_last_one_s_files(batches: Batches) -> None:
    """What was in place before stays as it was."""
    batches.run(batches.saved(feature_rows(5)))
    before = sha256_of(batches.folder / "out.parquet")
    with pytest.raises(RowRefused):
        batches.run(batches.saved(with_cell(feature_rows(5), "CNT_CHILDREN", 1, 99)), strict=True)
    assert sha256_of(batches.folder / "out.parquet") == before


@pytest.fixture
def memory() -> Any:
    """The file system `memory://`, empty."""
    import fsspec

    filesystem = fsspec.filesystem("memory")
    filesystem.store.clear()
    return filesystem


def test_input_and_output_may_lie_elsewhere(
    batches: Batches, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch from one address to another writes output, rejects and summary there."""
    monkeypatch.chdir(batches.folder)
    memory.put_file(str(batches.saved(feature_rows(30))), "/lake/rows.parquet")
    summary = batches.run("memory://lake/rows.parquet", "memory://lake/out.csv")
    assert {path.rpartition("/")[2] for path in memory.find("/lake")} == {
        *("rows.parquet", "out.csv", "out.rejects.csv", "out.summary.json")
    }
    assert summary.output.sha256 == sha256_of_bytes(memory.cat_file("/lake/out.csv"))
    assert not left_behind(batches)


def sha256_of_bytes(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


def test_a_failed_upload_keeps_the_batch(
    batches: Batches, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that refuses costs nothing: `--resume` brings the finished batch there."""
    monkeypatch.chdir(batches.folder)
    source = batches.saved(feature_rows(30))
    with monkeypatch.context() as patched:
        patched.setattr(type(memory), "put_file", refuse)
        with pytest.raises(UploadFailed, match="--resume"):
            batches.run(source, "memory://lake/out.parquet", batch_id=BATCH)
    batches.run(source, "memory://lake/out.parquet", resume=True)
    assert memory.exists("/lake/out.parquet")
    assert [d.decision_id for d in batches.ledger.after(0)] == [BATCH]


def refuse(*_: Any, **__: Any) -> None:
    raise PermissionError("no write access")


def test_types_of_the_output_are_plain(batches: Batches) -> None:
    """PDs are doubles, predictions integers, the rest text."""
    batches.run(batches.saved(feature_rows(5)), reasons=True)
    schema = batches.answers().schema
    assert schema.field("probability").type == pa.float64()
    assert schema.field("prediction").type == pa.int8()
    assert schema.field("reasons").type == pa.string()
