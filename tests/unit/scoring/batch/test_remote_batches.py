"""Batches from and to addresses: a web server, and S3's API as moto's server, both on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest
from batch_runs import Batches, feature_rows

from creditrisk.core.files import sha256_of
from creditrisk.scoring.batch.summary import BatchSummary


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing of it."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server's address, and the folder that it serves."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The bucket `scoring`, with the usual environment variables that open it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "scorer")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    store = fsspec.filesystem("s3", skip_instance_cache=True)
    store.mkdir("scoring")
    yield store
    server.stop()


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_a_table_of_a_web_server_is_scored(
    batches: Batches, site: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A file behind http:// gives the answers that it gives from a path, under its own hash."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    url, folder = site
    table = feature_rows(30)
    source = batches.saved(table, name).rename(folder / name)
    summary = batches.run(f"{url}/{name}")
    assert summary.input.files == {name: sha256_of(source)}
    assert batches.answers().column("probability").to_pylist() == batches.pds(table)


def test_a_batch_goes_from_bucket_to_bucket(
    batches: Batches, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Output, rejects and summary are objects that hold what a batch between paths writes."""
    monkeypatch.chdir(batches.folder)
    source = batches.saved(feature_rows(30), "rows.csv")
    options: dict[str, Any] = {"batch_id": "nightly-2026-11-23", "recorded": False}
    batches.run(source, "out.csv", **options)
    bucket.put_file(str(source), "scoring/rows.csv")
    batches.run("s3://scoring/rows.csv", "s3://scoring/out.csv", **options)
    bucket.invalidate_cache()
    assert {path.rpartition("/")[2] for path in bucket.find("scoring")} == {
        *("rows.csv", "out.csv", "out.rejects.csv", "out.summary.json")
    }
    assert bucket.cat_file("scoring/out.csv") == (batches.folder / "out.csv").read_bytes()
    summary = BatchSummary.model_validate_json(bucket.cat_file("scoring/out.summary.json"))
    assert summary.output.place == "s3://scoring/out.csv"
