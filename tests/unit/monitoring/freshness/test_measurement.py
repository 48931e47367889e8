from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from ingested import CONTENT, FILE, NOW, Ingested, date, local_source

from creditrisk.monitoring.freshness.report import FreshnessReport

OTHER_CONTENT = b"SK_ID_CURR\n100002\n"


def test_a_young_source_is_fresh(tmp_path: Path) -> None:
    """A source within its allowed age raises no alarm, and its age is told."""
    report = local_source(tmp_path, days_old=2).measure()
    assert (report.status, report.alarms) == ("fresh", ())
    assert report.sources[0].age_days == 2


def test_an_old_source_is_stale(tmp_path: Path) -> None:
    """A source beyond its allowed age raises the alarm."""
    report = local_source(tmp_path, days_old=40).measure()
    assert (report.status, report.alarms) == ("stale", ("data_stale",))
    assert "40.0 days old, at most 35" in report.sentences()


def test_a_file_has_its_own_allowed_age(tmp_path: Path) -> None:
    """What a file is allowed overrules the default."""
    source = local_source(tmp_path, days_old=8)
    assert source.measure(files={FILE: 7}).status == "stale"
    assert source.measure(files={FILE: 9}, max_age_days=1).status == "fresh"


def test_any_age_may_be_allowed(tmp_path: Path) -> None:
    """A source that never grows stale is exempt from the clock."""
    assert local_source(tmp_path, days_old=4_000).measure(max_age_days=None).status == "exempt"


@pytest.mark.parametrize("content", [OTHER_CONTENT, CONTENT + b"100002\n"])
def test_other_content_supersedes_what_was_ingested(tmp_path: Path, content: bytes) -> None:
    """A source that changed since, in size or in content alone, is superseded, not fresh."""
    source = local_source(tmp_path)
    assert source.measure().status == "fresh"
    Path(source.uri).write_bytes(content)
    date(Path(source.uri), 0.5)
    assert source.measure().alarms == ("data_superseded",)


def test_other_content_is_seen_at_the_first_look(tmp_path: Path) -> None:
    """What changed before freshness was ever measured is found by its content."""
    source = local_source(tmp_path)
    Path(source.uri).write_bytes(OTHER_CONTENT)
    date(Path(source.uri), 1)
    assert source.measure().status == "superseded"


def test_a_touched_file_of_the_same_content_is_not_superseded(tmp_path: Path) -> None:
    """A newer time without newer content is a younger source."""
    source = local_source(tmp_path, days_old=9)
    source.measure()
    date(Path(source.uri), 1)
    found = source.one()
    assert (found.status, found.age_days) == ("fresh", 1)


def test_ingesting_again_ends_the_alarm(tmp_path: Path) -> None:
    """Once the newer content is taken in, the source is fresh."""
    source = local_source(tmp_path)
    Path(source.uri).write_bytes(OTHER_CONTENT)
    date(Path(source.uri), 0.5)
    assert source.measure().status == "superseded"
    source.content = OTHER_CONTENT
    source.write_summary()
    assert source.measure().status == "fresh"


def test_added_rows_of_snapshots_do_not_look_like_newer_content(tmp_path: Path) -> None:
    """Where labelled rows were added, size and content of the source are not those ingested."""
    source = local_source(tmp_path, added_rows=3)
    Path(source.uri).write_bytes(CONTENT + b"100002\n")
    date(Path(source.uri), 1)
    assert source.measure().status == "fresh"
    date(Path(source.uri), 0.5)
    assert source.measure().status == "superseded"


def test_generated_data_have_no_age(tmp_path: Path) -> None:
    """A generated portfolio is a function of its settings; the report says so."""
    source = Ingested(tmp_path, f"synthetic://{FILE}", "synthetic")
    source.write_summary()
    report = source.measure()
    assert (report.status, report.alarms) == ("generated", ())
    assert "without an age" in (report.sources[0].why or "")


def test_the_pipeline_s_own_copy_has_no_age(tmp_path: Path) -> None:
    """The time of a file in data/raw is that of a checkout and proves nothing."""
    copy = tmp_path / "data/raw" / FILE
    copy.parent.mkdir(parents=True)
    copy.write_bytes(CONTENT)
    source = Ingested(tmp_path, str(copy))
    source.write_summary()
    assert source.measure().alarms == ("freshness_not_measured",)


@pytest.mark.parametrize("tracked", [f"delivered/{FILE}.dvc", "delivered.dvc"])
def test_a_file_that_dvc_tracks_has_no_age(tmp_path: Path, tracked: str) -> None:
    """A checkout of DVC dates a file anew, itself or with its folder."""
    source = local_source(tmp_path)
    (tmp_path / tracked).write_text("outs: []\n")
    found = source.one()
    assert found.status == "not measured"
    assert "does not say when it changed" in (found.why or "")


def test_a_missing_summary_refuses(tmp_path: Path) -> None:
    """Without the summary nothing is measured, and the report says which file is missing."""
    source = local_source(tmp_path)
    source.summary.unlink()
    report = source.measure()
    assert (report.status, report.sources) == ("not measured", ())
    assert "ingestion_summary.json does not exist" in report.sentences()


@pytest.mark.parametrize("content", ["", "{", '{"tables": []}'])
def test_an_unreadable_summary_refuses(tmp_path: Path, content: str) -> None:
    """A damaged summary is 'not measured', never 'fresh'."""
    source = local_source(tmp_path)
    source.summary.write_text(content)
    assert source.measure().alarms == ("freshness_not_measured",)


def test_a_summary_of_nothing_refuses(tmp_path: Path) -> None:
    """A summary without a table vouches for nothing."""
    source = local_source(tmp_path)
    source.summary.write_text('{"profile":"none","tables":[],"total_bytes":0,"total_rows":0}')
    assert source.measure().status == "not measured"


def test_a_missing_source_is_not_measured(tmp_path: Path) -> None:
    """A file that is gone has no age."""
    source = local_source(tmp_path)
    Path(source.uri).unlink()
    assert source.measure().status == "not measured"


def test_a_source_that_is_named_no_more_is_not_measured(tmp_path: Path) -> None:
    """The age of another file than the one that was ingested says nothing."""
    source = local_source(tmp_path)
    source.write_summary(shown="s3://elsewhere/bureau.csv")
    found = source.one()
    assert found.status == "not measured"
    assert "ingested from s3://elsewhere/bureau.csv" in (found.why or "")


def test_a_change_in_the_future_is_not_measured(tmp_path: Path) -> None:
    """A source that changed later than now has a clock that runs backwards; some seconds do not."""
    assert local_source(tmp_path / "far", days_old=-1).measure().status == "not measured"
    assert local_source(tmp_path / "near", days_old=-1 / 1_440).measure().status == "fresh"


def test_a_clock_that_runs_backwards_refuses(tmp_path: Path) -> None:
    """Earlier than the report before, nothing is measured; nor the time after, by that clock."""
    source = local_source(tmp_path)
    source.measure()
    earlier = NOW - timedelta(days=30)
    assert source.measure(earlier).status == "not measured"
    assert source.measure(earlier + timedelta(hours=1)).alarms == ("freshness_not_measured",)
    assert source.measure(NOW).status == "fresh"


def test_a_refusal_forgets_nothing(tmp_path: Path) -> None:
    """What was known of a source outlives a run that could not measure."""
    source = local_source(tmp_path, added_rows=3)
    source.measure()
    source.measure(NOW - timedelta(days=30))
    date(Path(source.uri), 0.5)
    assert source.measure().status == "superseded"


def test_a_damaged_report_before_refuses_once(tmp_path: Path) -> None:
    """Without the report before, nobody knows whether time runs on; the next run does."""
    source = local_source(tmp_path)
    source.report.write_text("{")
    assert source.measure().status == "not measured"
    assert source.measure().status == "fresh"


def test_the_report_reads_back(tmp_path: Path) -> None:
    """What was written is what was measured."""
    source = local_source(tmp_path)
    assert source.measure() == FreshnessReport.read(source.report)
