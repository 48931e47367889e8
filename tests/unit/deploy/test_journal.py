from __future__ import annotations

import threading

import pytest
from deploy_stage import BUCKET, Stage

from creditrisk.deploy.errors import DeploymentUnderWay, LockLost, UnreadableJournal
from creditrisk.deploy.journal import Journal, Revision

KEY = "deployments/pd/api.json"
PREVIOUS = Revision(task_definition="first", desired_count=2, bundle_sha256=None)


def journal(stage: Stage, lease_seconds: float = 3_600) -> Journal:
    """A journal of a deployment of its own."""
    return stage.deployment(waits={"lease_seconds": lease_seconds}).journal


def test_the_second_is_refused_while_the_first_lives(stage: Stage) -> None:
    """And told by whom, and when the lock would be free."""
    first = journal(stage)
    first.acquire(0.0)
    with pytest.raises(DeploymentUnderWay, match=first.deployment):
        journal(stage).acquire(0.0)


def test_of_many_at_once_one_gets_the_lock(stage: Stage) -> None:
    """S3 decides, not who looked first."""
    journals = [journal(stage) for _ in range(8)]
    start, held = threading.Barrier(8), []

    def try_it(one: Journal) -> None:
        start.wait()
        try:
            one.acquire(0.0)
        except DeploymentUnderWay:
            return
        held.append(one.deployment)

    threads = [threading.Thread(target=try_it, args=(one,)) for one in journals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(held) == 1
    assert stage.journal()["deployment"] == held[0]


def test_a_released_lock_is_free(stage: Stage) -> None:
    """And leaves nothing to deal with."""
    first = journal(stage)
    first.acquire(0.0)
    first.advance("updating", previous=PREVIOUS)
    first.release()
    assert journal(stage).acquire(0.0) is None


def test_a_lock_that_is_not_renewed_is_taken_over_with_what_it_says(stage: Stage) -> None:
    """The new owner learns how far the old one came; the old one finds out at its next write."""
    first = journal(stage, lease_seconds=1)
    first.acquire(0.0)
    first.advance("updating", previous=PREVIOUS)
    left = journal(stage, lease_seconds=1).acquire(1e9)
    assert left is not None
    assert (left.phase, left.previous) == ("updating", PREVIOUS)
    with pytest.raises(LockLost):
        first.advance("promoting")


def test_the_next_owner_keeps_the_record_until_it_has_dealt_with_it(stage: Stage) -> None:
    """Killed itself, it leaves to the third what it found."""
    first = journal(stage, lease_seconds=1)
    first.acquire(0.0)
    first.advance("updating", previous=PREVIOUS)
    journal(stage, lease_seconds=1).acquire(1e9)
    third = journal(stage, lease_seconds=1).acquire(1e9)
    assert third is not None
    assert (third.phase, third.previous) == ("updating", PREVIOUS)


def test_a_write_whose_answer_was_lost_is_held(stage: Stage) -> None:
    """A second attempt that is refused because the first one succeeded is a success."""
    one = journal(stage)
    one.acquire(0.0)
    assert one._stored is not None
    one._stored.etag = '"older"'
    one.advance("preparing")
    assert one.is_held


def test_a_journal_that_cannot_be_read_is_a_person_s(stage: Stage) -> None:
    """It might name a revision to go back to; nothing writes over it."""
    stage.state.put_object(Bucket=BUCKET, Key=KEY, Body=b"{}")
    with pytest.raises(UnreadableJournal):
        journal(stage).acquire(0.0)
