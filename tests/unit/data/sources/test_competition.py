"""Files of a Kaggle competition, fetched by Kaggle's own client from a stand-in.

The server below is written by hand after the client's source (kagglesdk 0.1): it is not Kaggle.
It answers the two calls that the connector needs and redirects downloads to a signed address, as
Kaggle does.
"""

from __future__ import annotations

import importlib
import io
import json
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from creditrisk.data.sources.competition import CompetitionSource
from creditrisk.data.sources.errors import SourceFailed, UnusableSource
from creditrisk.data.sources.location import Location
from creditrisk.data.sources.transfer import RetryPolicy

ADDRESS = "kaggle://home-credit-default-risk"
BODY = b"A,B\n" + b"1,2\n" * 30_000
KEY = "k3y-of-the-account"
LIST = "ListDataFiles"
DOWNLOAD = "DownloadDataFile"


@dataclass
class KaggleStandIn:
    """What the competition holds, which statuses come first, what was asked."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def __init__(self, kaggle: KaggleStandIn, *arguments: Any) -> None:
        self.kaggle = kaggle
        super().__init__(*arguments)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """An API call: a list, or a redirect to where a file lies, zipped."""
        call = self.path.rpartition("/")[2]
        self.kaggle.requests.append(f"{call} {self.headers.get('Authorization', '')[:5]}".strip())
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.kaggle.statuses:
            self._answer(self.kaggle.statuses.pop(0), b"{}", {"Content-Type": "text/plain"})
        elif call == LIST:
            files = [{"name": name, "totalBytes": len(BODY)} for name in self.kaggle.files]
            body = json.dumps({"files": files}).encode()
            self._answer(200, body, {"Content-Type": "application/json"})
        else:
            signed = f"{self.kaggle.url}/signed/{asked['fileName']}.zip?GoogleAccessId=x"
            self._answer(302, b"", {"Location": signed})

    def do_GET(self) -> None:
        """A signed download, with ranges."""
        asked = self.headers.get("Range", "")
        self.kaggle.requests.append(f"GET {asked}".strip())
        name = self.path.partition("?")[0].rpartition("/")[2].removesuffix(".zip")
        body = zipped(name, self.kaggle.files[name])
        offset = int(asked.removeprefix("bytes=").rstrip("-") or 0)
        headers = {"ETag": '"1"', "Accept-Ranges": "bytes", "Content-Type": "application/zip"}
        cut = self.kaggle.cuts.pop(0) if self.kaggle.cuts else None
        self._answer(206 if offset else 200, body[offset:], headers, cut)

    def _answer(
        self, status: int, body: bytes, headers: dict[str, str], cut: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:cut])
        self.close_connection = cut is not None


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[KaggleStandIn]:
    """A stand-in that the client takes for Kaggle, and an account in the environment."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KAGGLE_API_TOKEN", raising=False)
    monkeypatch.setenv("KAGGLE_USERNAME", "somebody")
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    stand_in = KaggleStandIn(files={"bureau.csv": BODY})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, stand_in))
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    kaggle_env = importlib.import_module("kagglesdk.kaggle_env")
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, stand_in.url)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield stand_in
    server.shutdown()
    server.server_close()
    thread.join()


def fetched(folder: Path, retries: int = 2) -> Path:
    origin = CompetitionSource(Location(ADDRESS), RetryPolicy(retries, 0)).find("bureau.csv")
    assert origin is not None
    return origin.materialise(folder, lambda _: None)


def refused(folder: Path) -> str:
    with pytest.raises(SourceFailed) as caught:
        fetched(folder)
    return str(caught.value)


def test_a_file_arrives_as_kaggle_sends_it(kaggle: KaggleStandIn, tmp_path: Path) -> None:
    """Zipped, under its own name, asked for with the account of the environment."""
    path = fetched(tmp_path)
    assert path.name == "bureau.csv.zip"
    assert path.read_bytes() == zipped("bureau.csv", BODY)
    assert kaggle.requests == [f"{LIST} Basic", f"{DOWNLOAD} Basic", "GET"]


def test_the_list_tells_what_there_is(kaggle: KaggleStandIn) -> None:
    """Sizes come with it; a file that is not listed is not asked for."""
    source = CompetitionSource(Location(ADDRESS), RetryPolicy(0, 0))
    bureau = source.find("bureau.csv")
    assert bureau is not None
    assert (bureau.size, bureau.location.shown) == (len(BODY), f"{ADDRESS}/bureau.csv")
    assert source.find("application_test.csv") is None
    assert kaggle.requests == [f"{LIST} Basic"]


def test_unavailable_is_asked_again(kaggle: KaggleStandIn, tmp_path: Path) -> None:
    """503 from the list is retried like any other source's."""
    kaggle.statuses = [503, 503]
    assert fetched(tmp_path).exists()


def test_a_cut_download_is_resumed(
    kaggle: KaggleStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kaggle's client asks for the rest; its own pauses are not waited for here."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    kaggle.cuts = [50_000]
    assert fetched(tmp_path).read_bytes() == zipped("bureau.csv", BODY)
    assert kaggle.requests[-1].startswith("GET bytes=")


def test_rules_that_were_not_accepted_are_named(kaggle: KaggleStandIn, tmp_path: Path) -> None:
    """403 is what Kaggle says to an account that has not accepted a competition's rules."""
    kaggle.statuses = [403] * 9
    sentence = refused(tmp_path)
    assert "HTTP 403" in sentence
    assert "rules" in sentence
    assert KEY not in sentence
    assert len(kaggle.requests) == 1


def test_without_an_account_the_remedy_is_named(
    kaggle: KaggleStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Kaggle's own advice, for its command line, is not printed."""
    monkeypatch.delenv("KAGGLE_USERNAME")
    monkeypatch.delenv("KAGGLE_KEY")
    assert "KAGGLE_USERNAME" in refused(tmp_path)
    assert capsys.readouterr().out == ""
    assert kaggle.requests == []


def test_a_missing_client_is_misuse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The message says which extra to install."""
    monkeypatch.setitem(sys.modules, "kaggle.api.kaggle_api_extended", None)
    with pytest.raises(UnusableSource, match=r"creditrisk\[kaggle\]"):
        fetched(tmp_path)
