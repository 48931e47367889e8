from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from creditrisk.core.errors import CreditRiskError
from creditrisk.mlops import aliases, store
from creditrisk.mlops.aliases import (
    ForeignBundle,
    NothingToRollBackTo,
    OvertakenPromotion,
    RolledBackVersion,
)
from creditrisk.mlops.store import VanishingStore, connect
from creditrisk.mlops.versions import NoChampion, NotRegistered, Standing, standing

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")

_names = itertools.count(1)


@pytest.fixture(autouse=True)
def store_in_use(shared_store: Path) -> None:
    """A registry that the tests of this package share."""


def sha(version: int | str) -> str:
    """The bundle that a version of these tests holds."""
    return f"{version}" * 64


def model(versions: int = 3) -> str:
    """A registered model with that many versions, the newest the candidate."""
    name, client = f"Aliases {next(_names)}", connect().MlflowClient()
    client.create_registered_model(name)
    for number in range(1, versions + 1):
        tags = {"bundle_sha256": sha(number), "evidence": "registered", "stage": "None"}
        client.create_model_version(name, source="file:///nowhere", tags=tags)
    client.set_registered_model_alias(name, "candidate", str(versions))
    return name


def promote(name: str, version: str, expected: str | None, **changes: Any) -> Standing:
    """Promote a version with the bundle that it holds."""
    wanted = {"bundle_sha256": sha(version), "expected_champion": expected, **changes}
    return aliases.promote(name, version, **wanted)


def succession(*versions: str) -> str:
    """A model whose versions became champions one after the other."""
    name, champion = model(), None
    for version in versions:
        promote(name, version, champion)
        champion = version
    return name


def positions(now: Standing) -> dict[str, str]:
    """The version behind each alias."""
    return {alias: known.version for known in now.versions for alias in known.aliases}


def tag(now: Standing, name: str) -> list[str]:
    """A tag's value in all versions, oldest first."""
    return [known.tags[name] for known in now.versions]


def test_a_validated_version_is_the_challenger() -> None:
    """Alias, stage and evidence say so; the candidate keeps its own alias."""
    name = model()
    now = aliases.mark_challenger(name, "2", bundle_sha256=sha(2))
    assert positions(now) == {"candidate": "3", "challenger": "2"}
    assert tag(now, "stage") == ["None", "Staging", "None"]
    assert tag(now, "evidence") == ["registered", "validated", "registered"]


def test_there_is_one_challenger() -> None:
    """The next one takes the alias and the word; what the first has earned stays."""
    name = model()
    for version in ("1", "2"):
        now = aliases.mark_challenger(name, version, bundle_sha256=sha(version))
    assert positions(now)["challenger"] == "2"
    assert tag(now, "stage") == ["None", "Staging", "None"]
    assert tag(now, "evidence")[0] == "validated"


def test_a_champion_that_is_validated_again_stays_what_it_is() -> None:
    """No version is champion and challenger."""
    name = succession("1")
    now = aliases.mark_challenger(name, "1", bundle_sha256=sha(1))
    assert positions(now) == {"candidate": "3", "champion": "1"}
    assert tag(now, "evidence")[0] == "promoted"


def test_evidence_only_rises() -> None:
    """A grade that is lower than the earned one changes nothing."""
    name = model()
    aliases.record_evidence(name, "1", "canary passed", bundle_sha256=sha(1))
    now = aliases.record_evidence(name, "1", "validated", bundle_sha256=sha(1))
    assert tag(now, "evidence")[0] == "canary passed"


def test_the_first_champion_has_no_predecessor() -> None:
    """There is a champion, and nothing to return to."""
    now = promote(model(), "1", None)
    assert positions(now) == {"candidate": "3", "champion": "1"}
    assert tag(now, "stage") == ["Production", "None", "None"]
    assert tag(now, "evidence")[0] == "promoted"


def test_a_promotion_archives_the_champion_before() -> None:
    """The former champion becomes the previous one, and the one before that a former one."""
    now = standing(succession("1", "2", "3"))
    assert positions(now) == {"candidate": "3", "champion": "3", "previous": "2"}
    assert tag(now, "stage") == ["Archived", "Archived", "Production"]


def test_a_promoted_challenger_is_none_any_more() -> None:
    """The alias `challenger` ends with the promotion."""
    name = model()
    aliases.mark_challenger(name, "1", bundle_sha256=sha(1))
    assert "challenger" not in positions(promote(name, "1", None))


@pytest.mark.parametrize("expected", [None, "2"])
def test_a_decision_about_another_champion_is_refused(expected: str | None) -> None:
    """Whoever judged against a champion that is gone has judged in vain; nothing moves."""
    name = succession("1")
    with pytest.raises(OvertakenPromotion, match="The champion is version 1, the decision"):
        promote(name, "3", expected)
    assert positions(standing(name))["champion"] == "1"


def test_promoting_the_champion_again_moves_nothing() -> None:
    """The previous version stays the one before it."""
    name = succession("1", "2")
    before = standing(name)
    assert promote(name, "2", "2") == before


def test_another_bundle_than_the_judged_one_is_refused() -> None:
    """Evidence about one bundle promotes no other."""
    name = model()
    with pytest.raises(ForeignBundle, match="registered with bundle 111111111111"):
        promote(name, "1", None, bundle_sha256=sha(2))
    assert standing(name).champion is None


def test_an_unregistered_version_is_refused() -> None:
    """What is not in the registry cannot be promoted, nor can a version of no model."""
    with pytest.raises(NotRegistered, match="version 9 is not registered"):
        promote(model(), "9", None)
    with pytest.raises(NotRegistered, match="version 1 is not registered"):
        promote("Never registered", "1", None)


def test_a_rollback_undoes_a_promotion() -> None:
    """Champion and previous are what they were before it; the version is marked."""
    name = succession("1", "2", "3")
    now = aliases.roll_back(name, expected_champion="3")
    assert positions(now) == {"candidate": "3", "champion": "2", "previous": "1"}
    assert tag(now, "stage") == ["Archived", "Production", "Archived"]
    assert [known.rolled_back for known in now.versions] == [False, False, True]


def test_rollbacks_end_at_the_first_champion() -> None:
    """The first champion replaced nobody, so it cannot be rolled back."""
    name = succession("1", "2")
    aliases.roll_back(name, expected_champion="2")
    with pytest.raises(NothingToRollBackTo, match="version 1 not rolled back"):
        aliases.roll_back(name, expected_champion="1")


def test_a_rollback_needs_the_champion_it_was_decided_about() -> None:
    """Two people who roll back at once take back one version, not two."""
    name = succession("1", "2", "3")
    aliases.roll_back(name, expected_champion="3")
    with pytest.raises(OvertakenPromotion):
        aliases.roll_back(name, expected_champion="3")
    with pytest.raises(NoChampion):
        aliases.roll_back(model(), expected_champion="3")


def test_a_rolled_back_version_returns_by_a_person_only() -> None:
    """An unattended run would otherwise undo the rollback; a person says so expressly."""
    name = succession("1", "2")
    aliases.roll_back(name, expected_champion="2")
    with pytest.raises(RolledBackVersion, match="Only a person"):
        promote(name, "2", "1")
    now = promote(name, "2", "1", after_rollback=True)
    assert positions(now)["champion"] == "2"
    assert not now.version("2").rolled_back


def test_no_rollback_leads_to_a_rolled_back_version() -> None:
    """A former champion that replaces a later one does not lead back to it once that was bad."""
    name = succession("1", "2", "1", "3")
    aliases.roll_back(name, expected_champion="3")
    now = aliases.roll_back(name, expected_champion="1")
    assert (now.champion, now.previous) == (now.version("2"), None)


def test_of_two_promotions_at_once_one_wins() -> None:
    """The other is refused, and the winner replaced the champion that both were judged against."""
    name = succession("1")

    def attempt(version: str) -> str:
        try:
            promote(name, version, "1")
        except OvertakenPromotion:
            return "refused"
        return version

    with ThreadPoolExecutor(2) as pool:
        outcomes = set(pool.map(attempt, ("2", "3")))
    (winner,) = outcomes - {"refused"}
    assert "refused" in outcomes
    now = positions(standing(name))
    assert (now["champion"], now["previous"]) == (winner, "1")


class Killed(BaseException):
    """The process ends between two calls of the store."""


class KillSwitch:
    """A client that ends the process after a number of writes."""

    WRITES = (
        "set_registered_model_alias",
        "delete_registered_model_alias",
        "set_model_version_tag",
        "delete_model_version_tag",
    )

    def __init__(self, client: Any, writes: int) -> None:
        self._client = client
        self._left = writes

    def __getattr__(self, name: str) -> Any:
        """The client's method, counted where it writes."""
        method = getattr(self._client, name)
        return self._counted(method) if name in self.WRITES else method

    def _counted(self, method: Any) -> Any:
        def write(*arguments: Any) -> Any:
            if not self._left:
                raise Killed
            self._left -= 1
            return method(*arguments)

        return write


@pytest.fixture
def killed_after(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have the next use of the store end after a number of writes."""

    def arm(writes: int) -> None:
        def switched() -> Iterator[Any]:
            monkeypatch.setattr(aliases, "store_client", store.store_client)
            with store.store_client() as client:
                yield KillSwitch(client, writes)

        monkeypatch.setattr(aliases, "store_client", aliases.contextmanager(switched))

    return arm


def interrupted(killed_after: Any, name: str, action: Any) -> Iterator[Standing]:
    """What an action leaves behind when it is killed after its first, second ... write."""
    for writes in itertools.count():
        killed_after(writes)
        try:
            action(name)
        except Killed:
            yield standing(name)
        else:
            return


def test_a_killed_promotion_leaves_a_champion(killed_after: Any) -> None:
    """At every point there is one, the old or the new, and the next call completes the rest."""
    name = succession("1", "2")
    aliases.mark_challenger(name, "3", bundle_sha256=sha(3))

    def judge_and_promote(name: str) -> Standing:
        now = standing(name)
        assert now.champion is not None
        return promote(name, "3", now.champion.version)

    seen = [now.champion for now in interrupted(killed_after, name, judge_and_promote)]
    assert {known.version for known in seen if known} == {"2", "3"}
    assert None not in seen
    now = standing(name)
    assert positions(now) == {"candidate": "3", "champion": "3", "previous": "2"}
    assert tag(now, "stage") == ["Archived", "Archived", "Production"]
    assert tag(now, "evidence")[2] == "promoted"


@pytest.mark.parametrize("writes", range(3))
def test_any_next_call_repairs(killed_after: Any, writes: int) -> None:
    """Not only the same promotion: whatever comes next first puts the registry in order."""
    name = succession("1", "2")
    killed_after(2 + writes)
    with pytest.raises(Killed):
        promote(name, "3", "2")
    now = aliases.mark_challenger(name, "1", bundle_sha256=sha(1))
    assert positions(now) == {
        "candidate": "3",
        "champion": "3",
        "previous": "2",
        "challenger": "1",
    }
    assert tag(now, "stage") == ["Staging", "Archived", "Production"]


def test_a_killed_rollback_leaves_a_champion(killed_after: Any) -> None:
    """Rolling back again, from whatever champion there is, ends where one rollback ends."""
    name = succession("1", "2", "3")

    def roll_back_3(name: str) -> None:
        now = standing(name)
        assert now.champion is not None
        if now.champion.version == "3":
            aliases.roll_back(name, expected_champion="3")
        else:
            aliases.record_evidence(name, "1", "registered", bundle_sha256=sha(1))

    seen = [now.champion for now in interrupted(killed_after, name, roll_back_3)]
    assert {known.version for known in seen if known} == {"2", "3"}
    now = standing(name)
    assert positions(now) == {"candidate": "3", "champion": "2", "previous": "1"}
    assert tag(now, "stage") == ["Archived", "Production", "Archived"]


def test_an_alias_moved_by_hand_is_not_undone() -> None:
    """A champion that the registry's own pages made keeps the previous version they gave it."""
    name, client = model(), connect().MlflowClient()
    client.set_registered_model_alias(name, "champion", "1")
    client.set_registered_model_alias(name, "previous", "3")
    now = aliases.mark_challenger(name, "2", bundle_sha256=sha(2))
    assert positions(now)["previous"] == "3"
    assert tag(now, "stage") == ["Production", "Staging", "None"]


@pytest.mark.parametrize("runner", ["CI", "GITHUB_ACTIONS"])
def test_a_ci_runner_promotes_in_no_local_store(
    runner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its store is lost with it; the refusal says what to set."""
    name = succession("1", "2")
    monkeypatch.setenv(runner, "true")
    actions: list[Any] = [
        lambda: promote(name, "3", "2"),
        lambda: aliases.roll_back(name, expected_champion="2"),
    ]
    for action in actions:
        with pytest.raises(VanishingStore, match="Set MLFLOW_TRACKING_URI") as refusal:
            action()
        assert isinstance(refusal.value, CreditRiskError)
    monkeypatch.delenv(runner)
    assert positions(standing(name))["champion"] == "2"
