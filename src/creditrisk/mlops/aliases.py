"""The moves of a registered model's aliases, each safe to interrupt and to race.

MLflow moves one alias in one step, and several in several. So one step decides: the move of
`champion`. The new champion's tag `predecessor` is written before it, and everything else
(`previous`, the tags `stage` and `evidence`) follows from these two. Each call first completes what
an interrupted one began; there is a champion throughout.

Processes of one machine take turns at the store. MLflow offers nothing of the kind between machines:
the champion is compared with the expected one right before the deciding step, no earlier.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

from creditrisk.core.errors import CreditRiskError
from creditrisk.mlops.store import require_persistent_store, store_client
from creditrisk.mlops.versions import (
    EVIDENCE_TAG,
    NO_PREDECESSOR,
    PREDECESSOR_TAG,
    ROLLED_BACK_TAG,
    STAGE_TAG,
    Evidence,
    NoChampion,
    RegisteredVersion,
    Standing,
    read_standing,
)

# The stages that MLflow has deprecated, kept as words for people who look for them.
NOT_STAGED, STAGING, PRODUCTION, ARCHIVED = "None", "Staging", "Production", "Archived"


class OvertakenPromotion(CreditRiskError):
    """The champion is no longer the one that a decision was made about."""

    def __init__(self, model_name: str, seen: str | None, expected: str | None) -> None:
        self.seen, self.expected = seen, expected
        super().__init__(
            f"{model_name}: nothing was moved. The champion is {_named(seen)}, the decision was "
            f"made when it was {_named(expected)}. Run canary_validation again and decide anew."
        )


class ForeignBundle(CreditRiskError):
    """A version was registered with another bundle than the one that was judged."""

    def __init__(self, model_name: str, version: str, seen: str, required: str) -> None:
        super().__init__(
            f"{model_name} version {version} refused: it was registered with bundle {seen[:12]}, "
            f"the evidence is about {required[:12]}."
        )


class RolledBackVersion(CreditRiskError):
    """A version that a person took back from production does not return by itself."""

    def __init__(self, model_name: str, version: str) -> None:
        super().__init__(
            f"{model_name} version {version} not promoted: it was rolled back. Only a person may "
            "promote it again (promote_model, with a reason)."
        )


class NothingToRollBackTo(CreditRiskError):
    """The champion replaced no other version."""

    def __init__(self, model_name: str, version: str) -> None:
        super().__init__(
            f"{model_name} version {version} not rolled back: no champion came before it."
        )


def mark_challenger(model_name: str, version: str, *, bundle_sha256: str) -> Standing:
    """Give a validated version the alias `challenger`; the champion keeps what it has.

    Raises:
        NotRegistered, ForeignBundle: there is no such version, or it holds another bundle.
        TrackingUnavailable: the registry does not answer.
    """
    with _orderly(model_name) as client:
        found = _judged(read_standing(client, model_name), version, bundle_sha256)
        _raise_evidence(client, model_name, found, "validated")
        if "champion" not in found.aliases:
            client.set_registered_model_alias(model_name, "challenger", version)
        return put_in_order(client, model_name)


def record_evidence(
    model_name: str, version: str, grade: Evidence, *, bundle_sha256: str
) -> Standing:
    """Note that a version has earned a grade of evidence; a higher one stays.

    Raises:
        NotRegistered, ForeignBundle: there is no such version, or it holds another bundle.
        TrackingUnavailable: the registry does not answer.
    """
    with _orderly(model_name) as client:
        found = _judged(read_standing(client, model_name), version, bundle_sha256)
        _raise_evidence(client, model_name, found, grade)
        return read_standing(client, model_name)


def promote(
    model_name: str,
    version: str,
    *,
    bundle_sha256: str,
    expected_champion: str | None,
    after_rollback: bool = False,
) -> Standing:
    """Make a version the champion, and the champion the previous one.

    Args:
        model_name: the registered model.
        version: the version that was judged.
        bundle_sha256: the bundle that was judged.
        expected_champion: the champion that it was judged against, None for the first ever. If it
            is this version already, nothing moves.
        after_rollback: whether a version that was rolled back may return.

    Raises:
        VanishingStore: the store is lost with this CI runner.
        NotRegistered, ForeignBundle: there is no such version, or it holds another bundle.
        OvertakenPromotion: the champion is another by now.
        RolledBackVersion: the version was rolled back, and `after_rollback` is not set.
        TrackingUnavailable: the registry does not answer.
    """
    require_persistent_store(f"Promotion of {model_name} version {version}")
    with _orderly(model_name) as client:
        now = read_standing(client, model_name)
        found = _judged(now, version, bundle_sha256)
        _require_champion(now, expected_champion)
        if "champion" in found.aliases:
            return now
        if found.rolled_back and not after_rollback:
            raise RolledBackVersion(model_name, version)
        predecessor = expected_champion or NO_PREDECESSOR
        client.set_model_version_tag(model_name, version, PREDECESSOR_TAG, predecessor)
        client.set_registered_model_alias(model_name, "champion", version)
        return put_in_order(client, model_name)


def roll_back(model_name: str, *, expected_champion: str) -> Standing:
    """Return to the champion before; the version taken back is marked as such.

    Raises:
        VanishingStore: the store is lost with this CI runner.
        NoChampion, NothingToRollBackTo: there is nothing to take back, or nothing to return to.
        OvertakenPromotion: the champion is another by now.
        TrackingUnavailable: the registry does not answer.
    """
    require_persistent_store(f"Rollback of {model_name} version {expected_champion}")
    with _orderly(model_name) as client:
        now = read_standing(client, model_name)
        if now.champion is None:
            raise NoChampion(model_name)
        _require_champion(now, expected_champion)
        if now.previous is None:
            raise NothingToRollBackTo(model_name, expected_champion)
        client.set_model_version_tag(model_name, expected_champion, ROLLED_BACK_TAG, "true")
        client.set_registered_model_alias(model_name, "champion", now.previous.version)
        return put_in_order(client, model_name)


def put_in_order(client: Any, model_name: str) -> Standing:
    """Let every alias and tag follow from the champion; writes only what differs."""
    now = read_standing(client, model_name)
    champion = now.champion
    if champion is not None:
        _follow_champion(client, now, champion)
        now = read_standing(client, model_name)
    for version in now.versions:
        stage = _stage(version)
        if version.tags.get(STAGE_TAG) != stage:
            client.set_model_version_tag(model_name, version.version, STAGE_TAG, stage)
    return read_standing(client, model_name)


@contextmanager
def _orderly(model_name: str) -> Iterator[Any]:
    """A client of a store that nobody else on this machine uses, interrupted moves completed."""
    with store_client() as client:
        put_in_order(client, model_name)
        yield client


def _follow_champion(client: Any, now: Standing, champion: RegisteredVersion) -> None:
    name, version = now.model_name, champion.version
    # Without the tag the alias was moved by hand: what came before is not ours to say.
    if PREDECESSOR_TAG in champion.tags:
        _point_previous(client, now, _return_to(now, champion))
    if "challenger" in champion.aliases:
        client.delete_registered_model_alias(name, "challenger")
    if champion.rolled_back:
        client.delete_model_version_tag(name, version, ROLLED_BACK_TAG)
    _raise_evidence(client, name, champion, "promoted")


def _return_to(now: Standing, champion: RegisteredVersion) -> str | None:
    """The champion before; never one that was rolled back itself."""
    if champion.predecessor is None or now.version(champion.predecessor).rolled_back:
        return None
    return champion.predecessor


def _point_previous(client: Any, now: Standing, wanted: str | None) -> None:
    seen = now.previous.version if now.previous else None
    if wanted is not None and wanted != seen:
        client.set_registered_model_alias(now.model_name, "previous", wanted)
    if wanted is None and seen is not None:
        client.delete_registered_model_alias(now.model_name, "previous")


def _stage(version: RegisteredVersion) -> str:
    if "champion" in version.aliases:
        return PRODUCTION
    if "challenger" in version.aliases:
        return STAGING
    return ARCHIVED if version.evidence == "promoted" else NOT_STAGED


def _judged(now: Standing, version: str, bundle_sha256: str) -> RegisteredVersion:
    found = now.version(version)
    if found.bundle_sha256 != bundle_sha256:
        raise ForeignBundle(now.model_name, version, found.bundle_sha256, bundle_sha256)
    return found


def _require_champion(now: Standing, expected: str | None) -> None:
    seen = now.champion.version if now.champion else None
    if seen != expected:
        raise OvertakenPromotion(now.model_name, seen, expected)


def _raise_evidence(
    client: Any, model_name: str, version: RegisteredVersion, grade: Evidence
) -> None:
    grades = get_args(Evidence)
    if grades.index(grade) > grades.index(version.evidence):
        client.set_model_version_tag(model_name, version.version, EVIDENCE_TAG, grade)


def _named(version: str | None) -> str:
    return f"version {version}" if version else "none"
