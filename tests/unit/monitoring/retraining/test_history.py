from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from creditrisk.core.errors import UnreadableReport
from creditrisk.monitoring.retraining.history import (
    ClockRunsBackwards,
    DriftHistory,
    DriftWindow,
    record_window,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
MODEL, OTHER_MODEL = "a" * 64, "b" * 64


def window(name: int, **facts: Any) -> DriftWindow:
    given: dict[str, Any] = {
        "window_sha256": f"{name:064x}",
        "bundle_sha256": MODEL,
        "measured_at": START + timedelta(days=name),
        "rows": 1_000,
        "status": "stable",
        "drift_share": 0.0,
        "score_psi": 0.01,
    }
    return DriftWindow(**given | facts)


def unmeasured(name: int, **facts: Any) -> DriftWindow:
    return window(name, status="not measured", drift_share=None, score_psi=None, **facts)


def of_times(name: int, first: int, last: int, **facts: Any) -> DriftWindow:
    moments = {"first_at": START + timedelta(days=first), "last_at": START + timedelta(days=last)}
    return window(name, **moments, **facts)


def history(*windows: DriftWindow) -> DriftHistory:
    result = DriftHistory()
    for each in windows:
        result = result.with_window(each)
    return result


def names(windows: tuple[DriftWindow, ...]) -> list[int]:
    return [int(each.window_sha256, 16) for each in windows]


def test_a_window_measured_twice_is_one() -> None:
    """The newer measurement of a window takes the place of the older, with its first moment."""
    had = history(window(1), window(2), window(1, measured_at=START, drift_share=0.5))
    assert names(had.windows) == [1, 2]
    assert had.windows[0].drift_share == 0.5
    assert had.windows[0].measured_at == START + timedelta(days=1)


def test_what_was_measured_stays() -> None:
    """A later failure to measure a window does not undo what was measured of it."""
    assert history(window(1, drift_share=0.4), unmeasured(1)).windows[0].drift_share == 0.4
    assert history(unmeasured(1), window(1, drift_share=0.4)).windows[0].drift_share == 0.4


def test_windows_of_another_model_do_not_count() -> None:
    """A model has the windows that were compared with its own training data; one hash may be in two."""
    both = history(window(1), window(1, bundle_sha256=OTHER_MODEL), window(2))
    assert names(both.of_model(MODEL)) == [1, 2]
    assert names(both.of_model(OTHER_MODEL)) == [1]


def test_windows_stand_by_the_time_of_their_applications() -> None:
    """A window that is measured late stands where its applications do."""
    late = history(of_times(2, 10, 20), of_times(3, 20, 30), of_times(1, 0, 10))
    assert names(late.of_model(MODEL)) == [1, 2, 3]


def test_a_backward_clock_does_not_reorder_windows() -> None:
    """Windows without times stay in the order of recording, whatever the clock said."""
    jumped = history(window(5), window(1), window(7))
    assert names(jumped.of_model(MODEL)) == [5, 1, 7]


def test_a_window_of_the_future_is_refused() -> None:
    """No order is trusted where a window was measured later than now; minutes are forgiven."""
    had = history(window(1))
    had.check_clock(START + timedelta(days=1) - timedelta(minutes=4))
    with pytest.raises(ClockRunsBackwards, match="clock runs backwards"):
        had.check_clock(START)


@pytest.mark.parametrize(
    "facts",
    [
        {"drift_share": None, "score_psi": None},
        {"first_at": START},
        {"first_at": START, "last_at": START - timedelta(days=1)},
        {"measured_at": datetime(2026, 1, 1)},  # noqa: DTZ001
        {"window_sha256": "march"},
        {"drift_share": float("nan")},
    ],
)
def test_a_window_that_cannot_be_is_refused(facts: dict[str, Any]) -> None:
    """A measured window has a figure, its moments come in pairs and in order, with a time zone."""
    with pytest.raises(ValidationError):
        window(1, **facts)


def test_the_history_stays_small() -> None:
    """Each model keeps its newest 200 windows, and takes none of another's places."""
    many = history(window(0, bundle_sha256=OTHER_MODEL), *map(window, range(205)))
    assert len(many.of_model(OTHER_MODEL)) == 1
    assert names(many.of_model(MODEL)) == list(range(5, 205))


def test_a_recorded_window_is_read_back(tmp_path: Path) -> None:
    """What is recorded stands in the file."""
    path = tmp_path / "drift_history.json"
    record_window(of_times(1, 0, 10), path)
    record_window(window(2), path)
    assert DriftHistory.read(path) == history(of_times(1, 0, 10), window(2))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"windows": [{}]}', '{"format_version": 2}'])
def test_a_damaged_history_is_refused_and_stays(tmp_path: Path, content: str) -> None:
    """A damaged history is not taken for an empty one, and nothing is written over it."""
    path = tmp_path / "drift_history.json"
    path.write_text(content)
    with pytest.raises(UnreadableReport):
        record_window(window(1), path)
    assert path.read_text() == content


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    """Processes that record at the same moment each find their windows in the history."""
    path = tmp_path / "drift_history.json"
    script = tmp_path / "record.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\n"
        "from creditrisk.monitoring.retraining.history import DriftWindow, record_window\n"
        "window = DriftWindow.model_validate_json(sys.argv[2])\n"
        "for name in range(int(sys.argv[3]), int(sys.argv[3]) + 10):\n"
        "    named = window.model_copy(update={'window_sha256': f'{name:064x}'})\n"
        "    record_window(named, Path(sys.argv[1]))\n"
    )
    words = [sys.executable, str(script), str(path), window(1).model_dump_json()]
    started = [subprocess.Popen([*words, first]) for first in ("0", "10", "20")]
    assert [process.wait() for process in started] == [0, 0, 0]
    assert sorted(names(DriftHistory.read(path).windows)) == list(range(30))
