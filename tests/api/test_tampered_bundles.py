"""A bundle that is not what was sealed: nothing of it runs, and no API serves it."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
from api_server import running, started
from rude_client import RudeClient, waited_for
from simulated_lending import sealed

from creditrisk.core.errors import CreditRiskError
from creditrisk.core.settings import Settings
from creditrisk.mlops import served
from creditrisk.mlops.bundle import Bundle
from creditrisk.serve.server import Launch

BUNDLE_FILES = (
    "booster.txt",
    "calibration.json",
    "encoding.json",
    "golden_predictions.json",
    "input_example.json",
    "manifest.json",
    "monitoring_reference.json",
    "pipeline.skops",
    "reference.json",
    "request_contract.json",
)


class Exploit:
    """An object whose unpickling leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.mark, "here"))


def exploit(path: Path, mark: Path) -> None:
    """Put a pickle in a file's place."""
    path.write_bytes(pickle.dumps(Exploit(mark)))


def tamper(path: Path, _mark: Path | None = None) -> None:
    """Change one bit of a file, and nothing else about it."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def published(bundle: Path, archive: Path, as_it_was: Bundle) -> Path:
    """The folder in which a pointer vouches for the bundle as it was before it was changed."""
    shutil.copytree(bundle, archive / as_it_was.sha256)
    names = {"bundle": as_it_was.sha256, "alias": "champion"}
    pointer = served.unregistered(as_it_was).model_copy(update=names)
    pointer.write(served.pointer_path(archive, "champion"))
    return archive


def test_the_list_of_bundle_files_is_whole(bundle: Path) -> None:
    """The next test tries each file of a bundle."""
    assert {path.name for path in bundle.iterdir()} == set(BUNDLE_FILES)


@pytest.mark.parametrize("name", BUNDLE_FILES)
@pytest.mark.parametrize("change", [tamper, exploit], ids=["one bit", "a pickle"])
def test_a_changed_file_is_not_served(bundle: Path, tmp_path: Path, name: str, change: Any) -> None:
    """One bit of any file, or a pickle in its place: what the server loads first is refused."""
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    change(copy / name, tmp_path / "mark")
    archive = published(copy, tmp_path / "served", Bundle.load(bundle))
    with pytest.raises(CreditRiskError):
        Launch(Settings(), served=archive).model()
    assert not (tmp_path / "mark").exists()


def test_the_same_bundle_unchanged_is_served(bundle: Path, tmp_path: Path) -> None:
    """What the test above refuses is the change, not the way it was published."""
    archive = published(bundle, tmp_path / "served", Bundle.load(bundle))
    model = Launch(Settings(), served=archive).model()
    assert model.served.bundle_sha256 == Bundle.load(bundle).sha256


def test_a_mark_would_be_left(tmp_path: Path) -> None:
    """The pickle of these tests does what it says, so that its silence proves something."""
    exploit(tmp_path / "pickle", tmp_path / "mark")
    pickle.loads((tmp_path / "pickle").read_bytes())  # noqa: S301
    assert (tmp_path / "mark").exists()


def refused_start(folder: Path, *flags: str) -> str:
    """What a server says that ends by itself, with exit code 1 and without a stack trace."""
    server = started(folder, *flags)
    assert server.process.wait(timeout=60) == 1
    assert "Traceback" not in server.log_text
    return server.log_text


def test_a_pickle_in_place_of_a_bundle_starts_nothing(tmp_path: Path) -> None:
    """A folder with a pickled model is no bundle, and is not unpickled to find out."""
    (tmp_path / "model").mkdir()
    for name in ("model.pkl", "manifest.json", "booster.txt"):
        exploit(tmp_path / "model" / name, tmp_path / "mark")
    assert "manifest.json" in refused_start(tmp_path, "--bundle", str(tmp_path / "model"))
    assert not (tmp_path / "mark").exists()


def test_a_tampered_bundle_starts_nothing(bundle: Path, tmp_path: Path) -> None:
    """The process ends with a sentence that names the file, before it answers."""
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    tamper(copy / "booster.txt")
    said = refused_start(tmp_path, "--bundle", str(copy))
    assert "booster.txt" in said
    assert "startup complete" not in said


def test_a_tampered_successor_is_not_taken_up(bundle: Path, tmp_path: Path) -> None:
    """A new champion that was changed after it was sealed is refused; the old one answers on."""
    archive = published(bundle, tmp_path / "served", Bundle.load(bundle))
    successor = sealed(tmp_path, "logistic")
    as_it_was = Bundle.load(successor.folder)
    tamper(successor.folder / "calibration.json")
    with running(tmp_path, "--served", str(archive)) as server:
        client = RudeClient(server)
        before = client.ask("GET", "/metadata").content["model"]
        published(successor.folder, archive, as_it_was)
        waited_for(lambda: (reload_of(client) or {}).get("result") == "refused")
        assert client.ask("GET", "/metadata").content["model"] == before
        assert client.ask("GET", "/ready").status == 200
        assert "calibration.json" in reload_of(client)["reason"]


def reload_of(client: RudeClient) -> Any:
    """What became of the pointer's last move."""
    return client.ask("GET", "/metadata").content["reload"]
