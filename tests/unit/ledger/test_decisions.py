"""What is submitted is durable, once, in order; what cannot be recorded is told to its caller."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from decision_place import DecisionPlace, decision, decision_id
from ledger_place import KEY

from creditrisk.ledger import DecisionLedger, NewDecision
from creditrisk.ledger import decision_anchor as anchor_module
from creditrisk.ledger import decision_writer as writer_module
from creditrisk.ledger.decision_chain import Draft
from creditrisk.ledger.decision_entries import entry_text
from creditrisk.ledger.decision_recorder import DecisionRecorder
from creditrisk.ledger.entries import canonical_text
from creditrisk.ledger.errors import (
    DamagedDecision,
    DecisionConflict,
    InvalidDecision,
    InvalidDecisionId,
    LedgerBacklogged,
    LedgerUnavailable,
    MissingLedger,
    UnknownDecision,
)
from creditrisk.ledger.turn import FairTurn

WAIT = 30


def recorded_together(ledger: DecisionLedger, *groups: list[NewDecision]) -> list[object]:
    """What becomes of submissions that share a transaction, as the writer sees it."""
    drafts = [[Draft.of(new) for new in group] for group in groups]
    with closing(ledger._writer._recorder) as recorder:
        return [*recorder.record(drafts)]


@contextmanager
def held(place: DecisionPlace) -> Iterator[None]:
    """The turn to write, held by somebody else."""
    with closing(FairTurn(place.anchor, WAIT)) as turn, turn.taken():
        yield


def numbers(ledger: DecisionLedger) -> list[int]:
    """The numbers of all decisions, in order."""
    return [json.loads(stored.content or b"")["number"] for stored in ledger.after(0)]


def test_a_decision_is_read_back_as_it_was_recorded(vacant: DecisionPlace) -> None:
    """Kind, ids and the bytes of its content, with its place and time."""
    new = decision(1, note="null \0 and é")
    with vacant.open() as ledger:
        ledger.append([new])
        stored = ledger.get(new.decision_id)
    assert (stored.kind, stored.decision_id, stored.request_id, stored.content) == (
        new.kind,
        new.decision_id,
        new.request_id,
        new.content,
    )
    assert (stored.sequence, stored.recorded_at[-6:]) == (1, "+00:00")
    assert vacant.verify().is_whole


def test_a_ledger_stands_in_the_time_of_the_clock_it_was_opened_with(tmp_path: Path) -> None:
    """A decision is recorded at the moment that the clock says, in UTC, and its proof holds."""
    place = DecisionPlace(f"sqlite:///{tmp_path}/ledger.db", tmp_path / "anchor.json")
    moment = datetime(2024, 3, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    with DecisionLedger.open(place.url, place.key, place.anchor, clock=lambda: moment) as ledger:
        ledger.append([decision(1)])
        assert ledger.get(decision_id(1)).recorded_at == "2024-03-01T00:00:00.000000+00:00"
        assert ledger.verify().is_whole


@pytest.mark.parametrize("size", [2, 255, 256, 4_000, 3_000_000])
def test_contents_of_every_size_stand(vacant: DecisionPlace, size: int) -> None:
    """Small contents stand as they are, larger ones compressed, each to the byte."""
    content = b"{" + b" " * (size - 2) + b"}"
    with vacant.open() as ledger:
        ledger.append([NewDecision("batch", decision_id(1), "", content)])
        assert ledger.get(decision_id(1)).content == content


@pytest.mark.parametrize("kind", ["decision", "refusal", "shadow", "batch"])
def test_each_kind_is_recorded(sqlite_place: DecisionPlace, kind: str) -> None:
    """Refusals, shadows and batches stand in the same chain."""
    with sqlite_place.open() as ledger:
        ledger.append([NewDecision(kind, decision_id(1), "r", b"{}")])  # type: ignore[arg-type]
        assert ledger.get(decision_id(1)).kind == kind


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "retention"},
        {"kind": "Decision"},
        {"decision_id": "short"},
        {"decision_id": "x" * 65},
        {"decision_id": "../../etc/passwd"},
        {"decision_id": "decision-1\n"},
        {"request_id": "two\nlines"},
        {"request_id": "nul\0"},
        {"request_id": "x" * 129},
        {"content": b"[]"},
        {"content": b""},
        {"content": b'{"a":\n1}'},
    ],
)
def test_what_is_no_decision_is_refused(change: dict[str, object]) -> None:
    """Nothing reaches the queue that could not be stored, exported or asked for."""
    fields = {"kind": "decision", "decision_id": "decision-1", "request_id": "r", "content": b"{}"}
    with pytest.raises(InvalidDecision):
        NewDecision(**{**fields, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "hostile",
    ["", "x", "../../../x", "x' or '1'='1", "decision-0001\n", "дecision-0001", "a\0bcdefg"],
)
def test_a_hostile_id_is_no_query(decisions: DecisionPlace, hostile: str) -> None:
    """What no id can be is refused before it is looked for, and is not repeated."""
    with decisions.open() as ledger, pytest.raises(InvalidDecisionId) as refusal:
        ledger.get(hostile)
    assert len(hostile) < 2 or hostile not in str(refusal.value)


def test_an_unknown_decision_is_told(decisions: DecisionPlace) -> None:
    """An id that stands for nothing says so."""
    with decisions.open() as ledger, pytest.raises(UnknownDecision, match="decision-9999"):
        ledger.get("decision-9999")


def test_a_future_resolves_once_its_decision_is_durable(decisions: DecisionPlace) -> None:
    """Whoever was told can find the decision from elsewhere."""
    with decisions.open() as ledger, decisions.open() as other:
        ledger.submit([decision(11)]).result(WAIT)
        assert other.get(decision_id(11)).sequence == 11


def test_the_same_decision_twice_is_recorded_once(decisions: DecisionPlace) -> None:
    """A caller who is in doubt may record again: it resolves, and stands once."""
    with decisions.open() as ledger:
        ledger.append([decision(3)])
        ledger.append([decision(11), decision(11), decision(4)])
        assert numbers(ledger) == [*range(1, 12)]
    assert decisions.verify().is_whole


@pytest.mark.parametrize(
    "other", [decision(3, pd=0.9), NewDecision("shadow", "decision-0003", "", b"{}")]
)
def test_another_decision_under_a_taken_id_is_refused(
    decisions: DecisionPlace, other: NewDecision
) -> None:
    """An id stands for one content of one kind; nothing of that submission is recorded."""
    with decisions.open() as ledger:
        with pytest.raises(DecisionConflict, match="decision-0003"):
            ledger.append([decision(11), other])
        assert numbers(ledger) == [*range(1, 11)]


def test_one_refusal_fails_only_its_own_caller(decisions: DecisionPlace) -> None:
    """Submissions that share a transaction do not share a refusal."""
    with decisions.open() as ledger:
        outcomes = recorded_together(
            ledger, [decision(11)], [decision(3, pd=0.9)], [decision(12)], [decision(11, pd=0.9)]
        )
        assert [type(outcome) for outcome in outcomes] == [
            type(None),
            DecisionConflict,
            type(None),
            DecisionConflict,
        ]
        assert numbers(ledger) == [*range(1, 13)]
    assert decisions.verify().is_whole


def test_what_waits_shares_one_transaction(sqlite_place: DecisionPlace) -> None:
    """One flush serves all who came while another transaction was running."""
    with sqlite_place.open() as ledger:
        ledger.append([decision(1)])
        with held(sqlite_place):
            first = ledger.submit([decision(2)])
            while ledger._writer._queue.qsize():
                time.sleep(0.001)
            waiting = [ledger.submit([decision(number)]) for number in range(3, 40)]
            assert ledger.check().waiting_records == 38
        for future in [first, *waiting]:
            future.result(WAIT)
        assert {stored.batch_end for stored in ledger.after(2)} == {39}
        assert ledger.check().waiting_records == 0


@pytest.mark.parametrize("request_id", ["", "r-1", 'a"b', "a\\u0041", "</script>", "~" * 128])
def test_what_the_chain_says_is_canonical_text(request_id: str) -> None:
    """The text that is hashed is the one that every entry has: sorted keys, ASCII, no spaces."""
    named = {"request_id": request_id, "decision_id": "d-1", "content_sha256": "0" * 64}
    text = entry_text("decision", "d-1", request_id, "0" * 64)
    assert text == canonical_text("decision", named)


def test_a_large_submission_shares_no_transaction(
    sqlite_place: DecisionPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came before it need not wait for it; what comes after is not mixed with it."""
    monkeypatch.setattr(writer_module, "_LARGE_RECORDS", 5)
    with sqlite_place.open() as ledger:
        with held(sqlite_place):
            first = ledger.submit([decision(1)])
            while ledger._writer._queue.qsize():
                time.sleep(0.001)
            groups = [[2], [3], range(4, 10), [10], [11]]
            waiting = [ledger.submit([decision(one) for one in group]) for group in groups]
        for future in [first, *waiting]:
            future.result(WAIT)
        ends = [stored.batch_end for stored in ledger.after(0)]
    assert ends == [1, 3, 3, *[9] * 6, 11, 11]


def test_contents_are_packed_by_whoever_submits_them(
    sqlite_place: DecisionPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer's thread, for which everybody waits, neither hashes nor packs."""
    threads: list[str] = []
    of = Draft.of

    def noted(new: NewDecision) -> Draft:
        threads.append(threading.current_thread().name)
        return of(new)

    monkeypatch.setattr(Draft, "of", noted)
    with sqlite_place.open() as ledger:
        ledger.append([decision(1), decision(2)])
    assert threads == [threading.current_thread().name] * 2


def test_more_than_may_wait_is_refused(
    sqlite_place: DecisionPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backlog has an end, which its caller is told; what waits is recorded all the same."""
    monkeypatch.setattr(writer_module, "_MOST_WAITING_BYTES", 1_000)
    futures: list[Future[None]] = []
    with sqlite_place.open() as ledger:
        with held(sqlite_place):
            futures = [ledger.submit([decision(number, pad="x" * 900)]) for number in (1, 2)]
            assert isinstance(futures[1].exception(WAIT), LedgerBacklogged)
        futures[0].result(WAIT)
        ledger.append([decision(3)])
        assert numbers(ledger) == [1, 3]


def test_reading_on_misses_nothing(decisions: DecisionPlace) -> None:
    """Pages follow each other by sequence, with contents or without."""
    with decisions.open() as ledger:
        assert [stored.sequence for stored in ledger.after(3, 4)] == [4, 5, 6, 7]
        assert ledger.after(10) == []
        bare = ledger.after(9, contents=False)
    assert [(stored.sequence, stored.content) for stored in bare] == [(10, None)]


def test_a_window_holds_what_was_recorded_in_it(
    decisions: DecisionPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a moment on and before another, whatever zone they are told in, page after page."""
    from creditrisk.ledger import decisions as module

    monkeypatch.setattr(module, "_ROWS_A_PAGE", 2)
    with decisions.open() as ledger:
        times = [datetime.fromisoformat(stored.recorded_at) for stored in ledger.after(0, 100)]
        east = times[2].astimezone(datetime.now().astimezone().tzinfo)
        assert [stored.sequence for stored in ledger.window(east, times[5])] == [3, 4, 5]
        everything = ledger.window(times[0], times[9] + timedelta(seconds=1), contents=False)
        assert len([*everything]) == 10


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_an_export_holds_every_decision(
    decisions: DecisionPlace, tmp_path: Path, name: str
) -> None:
    """One JSON object a line, its content as it was recorded, compressed by the name's ending."""
    with decisions.open() as ledger:
        assert ledger.export(tmp_path / name) == ledger.export(tmp_path / f"again-{name}") == 10
        stored = ledger.after(0)
    data = (tmp_path / name).read_bytes()
    assert data == (tmp_path / f"again-{name}").read_bytes()
    lines = (gzip.decompress(data) if name.endswith("gz") else data).splitlines()
    assert [json.loads(line)["sha256"] for line in lines] == [one.sha256 for one in stored]
    assert all(one.content and one.content in line for one, line in zip(stored, lines, strict=True))


def test_a_damaged_content_is_not_exported(decisions: DecisionPlace, tmp_path: Path) -> None:
    """Nobody gets a file that says what was never recorded."""
    decisions.tamper("update decision_contents set encoding = 'plain', data = :data", data=b"{}")
    with decisions.open() as ledger, pytest.raises(DamagedDecision, match="changed"):
        ledger.export(tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    "statement",
    [
        "update decision_contents set encoding = 'plain', data = '{}' where sequence = 3",
        "update decision_contents set encoding = 'deflate', data = '{}' where sequence = 3",
        "update decisions set request_id = 'other' where sequence = 3",
        "update decisions set recorded_at = '2020-01-01' where sequence = 3",
        "update decisions set signature = sha256 where sequence = 3",
    ],
)
def test_a_changed_decision_is_not_given_out(decisions: DecisionPlace, statement: str) -> None:
    """Reading one decision compares it with its own proof."""
    decisions.tamper(statement)
    with decisions.open() as ledger:
        with pytest.raises(DamagedDecision, match="entry 3"):
            ledger.get(decision_id(3))
        assert ledger.get(decision_id(4)).sequence == 4


def test_two_processes_append_at_once(vacant: DecisionPlace) -> None:
    """Decisions of both stand, in one whole chain."""
    processes = [vacant.submitter(name, threads=2, rounds=20) for name in ("worker-a", "worker-b")]
    said = {name for process in processes for name in process.communicate()[0].split()}
    assert [process.returncode for process in processes] == [0, 0]
    verification = vacant.verify()
    assert verification.is_whole
    assert (verification.rows, len(said), verification.unanchored) == (240, 240, 0)


def test_closing_records_what_waits(decisions: DecisionPlace) -> None:
    """A server that stops keeps what it has accepted."""
    ledger = decisions.open()
    futures = [ledger.submit([decision(number)]) for number in range(11, 60)]
    ledger.close()
    assert all(future.done() and future.exception() is None for future in futures)
    assert decisions.verify().rows == 59
    assert decisions.read_anchor().sequence == 59


def test_a_closed_ledger_takes_nothing(decisions: DecisionPlace) -> None:
    """A decision that comes too late is told so."""
    ledger = decisions.open()
    ledger.close()
    with pytest.raises(LedgerUnavailable, match="closed"):
        ledger.append([decision(11)])


def test_an_abandoned_decision_stops_nobody(decisions: DecisionPlace) -> None:
    """A caller who has gone before the answer leaves the others theirs."""
    with decisions.open() as ledger:
        futures = [ledger.submit([decision(number)]) for number in range(11, 30)]
        for future in futures[::2]:
            future.cancel()
        ledger.append([decision(30)])
        assert numbers(ledger)[-1] == 30


def test_an_error_nobody_expected_answers_its_callers(
    decisions: DecisionPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer's thread outlives whatever goes wrong, and nobody waits for ever."""
    with decisions.open() as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(DecisionRecorder, "record", lambda *_: 1 / 0)
            assert isinstance(ledger.submit([decision(11)]).exception(WAIT), ZeroDivisionError)
        ledger.append([decision(11)])
    assert decisions.verify().is_whole


def test_the_anchor_follows_by_itself(decisions: DecisionPlace) -> None:
    """Soon after a commit the anchor has moved, without anybody closing the ledger."""
    with decisions.open() as ledger:
        ledger.append([decision(11)])
        deadline = time.monotonic() + WAIT
        while decisions.read_anchor().sequence < 11 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert decisions.read_anchor().sequence == 11


def test_the_anchor_moves_at_most_once_a_second(
    sqlite_place: DecisionPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commits do not wait for it: many of them share one move."""
    moves: list[float] = []
    original = anchor_module.AnchorKeeper.move
    monkeypatch.setattr(
        anchor_module.AnchorKeeper,
        "move",
        lambda keeper: (moves.append(time.monotonic()), original(keeper))[1],
    )
    start = time.monotonic()
    with sqlite_place.open() as ledger:
        for number in range(300):
            ledger.append([decision(number)])
        seconds = time.monotonic() - start
    assert 2 <= len(moves) <= seconds + 3


def test_an_anchor_that_cannot_be_moved_is_told(
    decisions: DecisionPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decisions are recorded all the same; the condition says why the anchor stays behind."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with decisions.open() as ledger:
        with monkeypatch.context() as patch:
            patch.setattr("creditrisk.ledger.anchor.AnchorFile.prepare", full)
            ledger.append([decision(11)])
            ledger._keeper.move()
            assert "No space left" in str(ledger.check().anchor_problem)
        ledger._keeper.move()
        assert ledger.check().anchor_problem is None
    assert decisions.read_anchor().sequence == 11


def test_looking_makes_no_ledger(sqlite_place: DecisionPlace) -> None:
    """A ledger that is only looked at is not made."""
    with pytest.raises(MissingLedger):
        sqlite_place.open(create=False)
    assert not Path(sqlite_place.url.removeprefix("sqlite:///")).exists()
    assert not sqlite_place.anchor.exists()


def test_the_environment_names_the_ledger(
    sqlite_place: DecisionPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same variables as for promotions; the anchor lies beside theirs."""
    monkeypatch.setenv("CREDITRISK_LEDGER_URL", sqlite_place.url)
    monkeypatch.setenv("CREDITRISK_LEDGER_KEY", KEY)
    monkeypatch.setenv("CREDITRISK_LEDGER_ANCHOR", str(sqlite_place.anchor.with_name("a.json")))
    with DecisionLedger.open() as ledger:
        ledger.append([decision(1)])
    assert sqlite_place.verify().rows == 1


def test_many_threads_get_each_their_answer(vacant: DecisionPlace) -> None:
    """Submitters of one process each find their own decisions, once."""
    with vacant.open() as ledger:

        def work(base: int) -> None:
            for number in range(base, base + 25):
                ledger.append([decision(number)])
                assert ledger.get(decision_id(number)).request_id == f"request-{number}"

        threads = [threading.Thread(target=work, args=(base,)) for base in range(0, 200, 25)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(numbers(ledger)) == [*range(200)]
    assert vacant.verify().is_whole


def test_times_are_those_of_the_clock(decisions: DecisionPlace) -> None:
    """A decision says when it was recorded, in UTC."""
    before = datetime.now(UTC)
    with decisions.open() as ledger:
        ledger.append([decision(11)])
        at = datetime.fromisoformat(ledger.get(decision_id(11)).recorded_at)
    assert before - timedelta(milliseconds=1) <= at <= datetime.now(UTC)
