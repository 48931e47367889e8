"""Sources elsewhere: a web server, S3 as moto's server and a store in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
from ingested import CONTENT, FILE, NOW, Ingested, date

from creditrisk.data.sources.location import Location

SECRET = "s3cr3t-signature"  # noqa: S105 - of no server


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder, with or without the time of change."""

    dated = True

    def send_header(self, keyword: str, value: str) -> None:
        """Leave out the time of change where it is not told."""
        if self.dated or keyword != "Last-Modified":
            super().send_header(keyword, value)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a web server of the folder `web`."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(Handler, "dated", True)
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / FILE).write_bytes(CONTENT)
    date(tmp_path / "web" / FILE, 2)
    handler = partial(Handler, directory=str(tmp_path / "web"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{FILE}"
    server.shutdown()
    server.server_close()
    thread.join(5)


def ingested(tmp_path: Path, uri: str, kind: str = "http") -> Ingested:
    source = Ingested(tmp_path, uri, kind)
    source.write_summary(shown=Location(uri).shown)
    return source


def test_a_web_server_tells_the_age(tmp_path: Path, web: str) -> None:
    """Last-Modified is when a web server's file changed."""
    found = ingested(tmp_path, web).one()
    assert (found.status, found.age_days) == ("fresh", 2)


def test_a_newer_file_of_a_web_server_supersedes(tmp_path: Path, web: str) -> None:
    """A later Last-Modified than when this content was measured first is newer content."""
    source = ingested(tmp_path, web)
    assert source.one().status == "fresh"
    date(tmp_path / "web" / FILE, 1)
    assert source.one().status == "superseded"
    assert source.one().status == "superseded"


def test_a_web_server_without_a_time_is_not_measured(
    tmp_path: Path, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Last-Modified nobody knows the age, unless any age is allowed."""
    monkeypatch.setattr(Handler, "dated", False)
    source = ingested(tmp_path, web)
    assert source.one().status == "not measured"
    assert source.one(max_age_days=None).status == "exempt"


def test_secrets_of_an_address_reach_no_report(tmp_path: Path, web: str) -> None:
    """User, password and query of an address are not in the report, whatever happens."""
    address = web.replace("//", f"//user:{SECRET}@") + f"?sig={SECRET}"
    source = ingested(tmp_path, address)
    assert source.one().status == "fresh"
    Path(tmp_path / "web" / FILE).unlink()
    assert source.one().status == "not measured"
    assert SECRET not in source.report.read_text()


def test_an_unreachable_source_is_not_measured(tmp_path: Path) -> None:
    """A source that does not answer has no age; the report says what happened, not the secrets."""
    source = ingested(tmp_path, f"http://user:{SECRET}@127.0.0.1:1/{FILE}?sig={SECRET}")
    found = source.one()
    assert found.status == "not measured"
    assert "could not be fetched" in (found.why or "")
    assert SECRET not in source.report.read_text()


def test_an_object_of_a_bucket_tells_its_age(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3's LastModified is when the object was put."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "NO_PROXY": "127.0.0.1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "reader",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    try:
        store = fsspec.filesystem("s3", skip_instance_cache=True)
        # Every moto of a process holds the same buckets: the name is this test's alone.
        store.mkdir("aged-portfolio")
        store.pipe_file(f"aged-portfolio/{FILE}", CONTENT)
        put_at = store.modified(f"aged-portfolio/{FILE}")
        source = ingested(tmp_path, f"s3://aged-portfolio/{FILE}", "s3")
        found = source.one(put_at + timedelta(days=3))
        assert (found.status, found.age_days) == ("fresh", 3)
        store.pipe_file(f"aged-portfolio/{FILE}", CONTENT * 2)
        assert source.one(put_at + timedelta(days=3)).status == "superseded"
    finally:
        server.stop()


def test_a_store_that_tells_by_its_own_call(tmp_path: Path) -> None:
    """Where a listing holds no time, the file system is asked for it."""
    store = fsspec.filesystem("memory")
    store.pipe_file(f"/freshness/{FILE}", CONTENT)
    found = ingested(tmp_path, f"memory://freshness/{FILE}", "memory")
    now = store.modified(f"/freshness/{FILE}") + timedelta(days=1)
    assert (found.one(now).status, found.one(now).age_days) == ("fresh", 1)
    assert NOW.tzinfo is not None
