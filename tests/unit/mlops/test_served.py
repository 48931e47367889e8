from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from simulated_lending import sealed

from creditrisk.core.errors import UnreadableReport
from creditrisk.core.settings import RegistrySettings
from creditrisk.mlops import aliases, registry, served, tracking
from creditrisk.mlops.bundle import Bundle
from creditrisk.mlops.errors import BundleRefused, TrackingUnavailable
from creditrisk.mlops.hold_out import HoldOut
from creditrisk.mlops.registry import MeasuredBundle
from creditrisk.mlops.served import (
    ForeignServedBundle,
    NothingServed,
    NoVersionWithAlias,
    UnsafePointer,
)
from creditrisk.mlops.store import connect
from creditrisk.mlops.versions import (
    NoChampion,
    RegisteredBundleUnavailable,
    RegisteredVersion,
    by_alias,
)
from creditrisk.mlops.watching import RegistryWatch

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")

NOT_A_DATABASE = "not a database, but long enough to be read as one" * 9


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A sealed bundle."""
    return sealed(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def successor(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The same model with another snapshot, and so another bundle."""
    folder = tmp_path_factory.mktemp("successor") / "credit_risk_pd"
    shutil.copytree(bundle.folder, folder)
    snapshot = bundle.manifest.snapshot.model_copy(update={"feature_store": "9" * 64})
    bundle.manifest.model_copy(update={"snapshot": snapshot}).write(folder / "manifest.json")
    return Bundle.load(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where served models go."""
    return tmp_path / "served"


def version(bundle: Bundle, number: str = "1") -> RegisteredVersion:
    """A version of the registry that holds the bundle."""
    return RegisteredVersion(
        number, "run", bundle.sha256, ("candidate", "champion"), {"git_commit": "c" * 40}
    )


def published(bundle: Bundle, folder: Path, number: str = "1") -> served.ServedModel:
    """The bundle as the champion in that folder."""
    return served.publish(bundle, version(bundle, number), folder, model_name="CreditRiskPD")


def promoted(bundle: Bundle, name: str, champion: str | None = None) -> str:
    """The bundle as the champion of the registry's model of that name; its version."""
    measured = MeasuredBundle("test", bundle.sha256, {"roc_auc": 0.75})
    settings = RegistrySettings(model_name=name)
    rule = HoldOut(seed=7, test_share=0.2)
    promotion = registry.register(bundle, tracking.ensure_run(bundle), measured, rule, settings)
    number = promotion.version or ""
    aliases.promote(name, number, bundle_sha256=bundle.sha256, expected_champion=champion)
    return number


def without_champion(name: str) -> None:
    """The alias is taken away by hand."""
    client: Any = connect().MlflowClient()
    client.delete_registered_model_alias(name, "champion")


def test_what_is_published_is_read_without_a_registry(bundle: Bundle, folder: Path) -> None:
    """The pointer names the version and leads to the bundle, file by file."""
    model = published(bundle, folder)
    assert served.read_served(folder) == model
    assert (model.version, model.run_id, model.git_commit) == ("1", "run", "c" * 40)
    assert model.aliases == ("candidate", "champion")
    assert served.bundle_folder(folder, model) == folder / bundle.sha256
    assert served.load_served(folder, model).contents == bundle.contents


def test_the_bundle_before_stays_in_the_archive(
    bundle: Bundle, successor: Bundle, folder: Path
) -> None:
    """A new champion moves the pointer; what the former one decided can still be replayed."""
    published(bundle, folder)
    published(successor, folder, "2")
    assert served.read_served(folder).bundle_sha256 == successor.sha256
    assert served.archived_bundle(folder, bundle.sha256).contents == bundle.contents


def test_publishing_again_writes_nothing(bundle: Bundle, folder: Path) -> None:
    """An API that watches the pointer sees no change where there is none."""
    published(bundle, folder)
    before = {path: path.stat() for path in folder.rglob("*")}
    published(bundle, folder)
    assert {path: path.stat() for path in folder.rglob("*")} == before


def test_a_damaged_archive_is_repaired(bundle: Bundle, folder: Path) -> None:
    """What lies under the hash and is not that bundle is replaced by it."""
    (served.load_served(folder, published(bundle, folder)).folder / "encoding.json").write_text("")
    assert served.load_served(folder, published(bundle, folder)).sha256 == bundle.sha256


def test_another_bundle_than_the_version_s_is_not_published(
    bundle: Bundle, successor: Bundle, folder: Path
) -> None:
    """A version vouches for the bundle that it was registered with, and no other."""
    with pytest.raises(ForeignServedBundle, match=r"its SHA-256 is \w{12}, the pointer names"):
        served.publish(successor, version(bundle), folder, model_name="CreditRiskPD")
    assert not folder.exists()


def test_a_copy_that_fails_leaves_nothing(
    bundle: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a pointer to half a bundle nor half a bundle under its hash."""

    def fail(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(shutil, "copytree", fail)
    with pytest.raises(OSError):  # noqa: PT011 - the one raised above
        published(bundle, folder)
    assert list(folder.iterdir()) == []


def test_a_tampered_bundle_is_not_loaded(bundle: Bundle, folder: Path) -> None:
    """Each file's hash is checked on the way out too."""
    model = published(bundle, folder)
    (folder / model.bundle / "encoding.json").write_text("{}")
    with pytest.raises(BundleRefused, match=r"SHA-256 of encoding\.json"):
        served.load_served(folder, model)


def test_a_swapped_bundle_is_not_loaded(bundle: Bundle, successor: Bundle, folder: Path) -> None:
    """A sound bundle under another's hash is refused as well."""
    model = published(bundle, folder)
    shutil.rmtree(folder / model.bundle)
    shutil.copytree(successor.folder, folder / model.bundle)
    with pytest.raises(ForeignServedBundle, match="the pointer names"):
        served.load_served(folder, model)


@pytest.mark.parametrize("place", ["../elsewhere", "/etc", "", "9" * 64])
def test_a_pointer_out_of_the_folder_is_refused(bundle: Bundle, folder: Path, place: str) -> None:
    """The folder's name is the hash and nothing else."""
    published(bundle, folder)
    path = folder / "champion.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "bundle": place}))
    with pytest.raises(UnsafePointer, match="names the bundle folder"):
        served.read_served(folder)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b'{"bundle_sha256": "../x"}'])
def test_an_unreadable_pointer_is_refused(folder: Path, content: bytes) -> None:
    """Whatever stands there, the reader learns of it in one sentence."""
    folder.mkdir()
    (folder / "champion.json").write_bytes(content)
    with pytest.raises(UnreadableReport, match=r"champion\.json is not a valid ServedModel"):
        served.read_served(folder)


def test_nothing_served_is_said(folder: Path) -> None:
    """The refusal names the alias and the remedy."""
    with pytest.raises(NothingServed, match=r"has no challenger\. Run dvc repro"):
        served.read_served(folder, "challenger")


def test_a_bundle_of_no_registry_is_described(bundle: Bundle) -> None:
    """What only a registry knows is null; its folder stands for that of the pointer."""
    model = served.unregistered(bundle)
    assert (model.alias, model.version, model.run_id, model.git_commit) == (None,) * 4
    assert model.model_name == "unregistered"
    assert served.load_served(bundle.folder, model).sha256 == bundle.sha256


def test_the_champion_is_fetched_from_the_registry(
    bundle: Bundle, folder: Path, shared_store: Path
) -> None:
    """It is what was registered, with the run and the commit that the registry names."""
    promoted(bundle, "Served")
    model = served.fetch_served("Served", "champion", folder)
    record = by_alias("Served", "champion")
    assert record
    assert (model.version, model.run_id) == ("1", record.run_id)
    assert model.git_commit == record.tags["git_commit"]
    assert served.load_served(folder, model).contents == bundle.contents
    assert shared_store


@pytest.mark.usefixtures("shared_store")
def test_an_archived_bundle_is_not_fetched_again(bundle: Bundle, folder: Path) -> None:
    """A look at the registry every few seconds costs no download, and works when the run is gone."""
    promoted(bundle, "Archived")
    model = served.fetch_served("Archived", "champion", folder)
    inode = (folder / model.bundle).stat().st_ino
    assert served.fetch_served("Archived", "champion", folder) == model
    assert (folder / model.bundle).stat().st_ino == inode


@pytest.mark.usefixtures("shared_store")
def test_an_alias_of_nothing_is_said(bundle: Bundle, folder: Path) -> None:
    """A model without champion, and one without challenger, are two refusals."""
    with pytest.raises(NoChampion):
        served.fetch_served("Nobody served", "champion", folder)
    promoted(bundle, "Without challenger")
    with pytest.raises(NoVersionWithAlias, match="with the alias challenger"):
        served.fetch_served("Without challenger", "challenger", folder)


@pytest.mark.usefixtures("shared_store")
def test_a_tampered_bundle_in_the_store_is_not_published(
    successor: Bundle, folder: Path, tmp_path: Path
) -> None:
    """The pointer stays where it was."""
    own = tmp_path / "own"
    shutil.copytree(successor.folder, own)
    successor.manifest.model_copy(update={"source_sha256": "8" * 64}).write(own / "manifest.json")
    promoted(Bundle.load(own), "Tampered")
    record = by_alias("Tampered", "champion")
    assert record
    run: Any = connect().MlflowClient().get_run(record.run_id)
    stored = Path(run.info.artifact_uri.removeprefix("file://")) / "bundle"
    (stored / "encoding.json").write_text("{}")
    with pytest.raises(RegisteredBundleUnavailable):
        served.fetch_served("Tampered", "champion", folder)
    assert not (folder / "champion.json").exists()


@pytest.mark.usefixtures("shared_store")
def test_a_watch_follows_the_champion(bundle: Bundle, successor: Bundle, folder: Path) -> None:
    """Each move is told once; between moves there is nothing to tell."""
    watch = RegistryWatch("Watched", folder)
    assert [found.event for found in watch.look()] == ["absent"]
    promoted(bundle, "Watched")
    assert [found.event for found in watch.look()] == ["published"]
    assert watch.look() == []
    promoted(successor, "Watched", "1")
    (found,) = watch.look()
    assert (found.event, found.served and found.served.version) == ("published", "2")
    assert served.read_served(folder).bundle_sha256 == successor.sha256


@pytest.mark.usefixtures("shared_store")
def test_a_watch_outlives_the_registry(
    bundle: Bundle, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage is told once, the pointer stays, looks become rarer; its end is told too."""
    promoted(bundle, "Outage")
    watch = RegistryWatch("Outage", folder)
    watch.look()
    with monkeypatch.context() as patch:
        (tmp_path / "mlflow.db").write_text(NOT_A_DATABASE)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
        assert [found.event for found in watch.look()] == ["failed"]
        assert watch.look() == []
    assert watch.seconds_to_next(10) == 40
    assert served.read_served(folder).version == "1"
    assert [found.event for found in watch.look()] == ["unchanged"]
    assert watch.seconds_to_next(10) == 10


def test_looks_are_five_minutes_apart_at_most(folder: Path) -> None:
    """However long an outage lasts, its end is noticed; a slower rhythm than that is kept."""
    watch = RegistryWatch("Any", folder, failures=10_000)
    assert watch.seconds_to_next(10) == 300
    assert watch.seconds_to_next(3_600) == 3_600


@pytest.mark.usefixtures("shared_store")
def test_a_champion_that_is_gone_is_still_served(bundle: Bundle, folder: Path) -> None:
    """Taking the alias away stops nothing; the log says so, once."""
    promoted(bundle, "Kept")
    watch = RegistryWatch("Kept", folder)
    watch.look()
    without_champion("Kept")
    (found,) = watch.look()
    assert (found.event, found.served and found.served.version) == ("kept", "1")
    assert watch.look() == []
    assert served.read_served(folder).version == "1"


@pytest.mark.usefixtures("shared_store")
def test_a_challenger_that_is_gone_is_withdrawn(
    bundle: Bundle, successor: Bundle, folder: Path
) -> None:
    """Once promoted it is no challenger, and is not scored as one beside itself."""
    promoted(bundle, "Shadowed")
    watch = RegistryWatch("Shadowed", folder, ("champion", "challenger"))
    assert [found.event for found in watch.look()] == ["published", "absent"]
    client: Any = connect().MlflowClient()
    promotion = registry.register(
        successor,
        tracking.ensure_run(successor),
        MeasuredBundle("test", successor.sha256, {"roc_auc": 0.75}),
        HoldOut(seed=7, test_share=0.2),
        RegistrySettings(model_name="Shadowed"),
    )
    client.set_registered_model_alias("Shadowed", "challenger", promotion.version)
    assert ("challenger", "published") in [(found.alias, found.event) for found in watch.look()]
    client.delete_registered_model_alias("Shadowed", "challenger")
    assert [found.event for found in watch.look()] == ["withdrawn"]
    assert not (folder / "challenger.json").exists()
    assert served.archived_bundle(folder, successor.sha256).sha256 == successor.sha256


def test_a_silent_registry_moves_no_pointer(
    bundle: Bundle, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is served stays served."""
    published(bundle, folder)
    (tmp_path / "mlflow.db").write_text(NOT_A_DATABASE)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(TrackingUnavailable):
        served.fetch_served("CreditRiskPD", "champion", folder)
    assert served.read_served(folder).version == "1"
