from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from credentials_made import AUDIENCE, Clock, IssuerServer, public_jwk

from creditrisk.serve.security import jwks
from creditrisk.serve.security.issuer import Issuer
from creditrisk.serve.security.jwks import (
    MOST_STALE_SECONDS,
    PAUSE_SECONDS,
    RENEW_SECONDS,
    IssuerUnreachable,
    KeySet,
    fetch_keys,
    signing_keys,
)
from creditrisk.serve.security.refusals import CredentialsUnavailable, Unauthenticated


async def settled(key_set: KeySet) -> None:
    """Wait for a renewal that runs beside the requests."""
    if key_set._running is not None:
        await key_set._running


def test_keys_are_found_by_discovery(issuer: IssuerServer) -> None:
    """Without an address of its keys the issuer is asked where they are."""
    assert {key["kid"] for key in fetch_keys(issuer.issuer)} == {"rsa", "ec", "ed"}
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


def test_a_known_address_is_asked_directly(issuer: IssuerServer) -> None:
    """With an address of its keys nothing is discovered."""
    fetch_keys(Issuer(issuer.url, AUDIENCE, f"{issuer.url}/keys"))
    assert issuer.asked == ["/keys"]


def redirecting(server: IssuerServer) -> None:
    server.status = 302
    server.headers = {"Location": f"{server.url}/elsewhere"}


def failing(server: IssuerServer) -> None:
    server.status = 500


def garbled(server: IssuerServer) -> None:
    server.body = b"{"


def deep(server: IssuerServer) -> None:
    server.body = b"[" * 100_000


def listing(server: IssuerServer) -> None:
    server.body = b"[]"


def endless(server: IssuerServer) -> None:
    server.body = b" " * (jwks.MOST_BYTES + 1)


def an_impostor(server: IssuerServer) -> None:
    server.discovery = {**server.discovery, "issuer": "https://id.example.org"}


def over_plain_http(server: IssuerServer) -> None:
    server.discovery = {**server.discovery, "jwks_uri": "http://id.example.org/keys"}


def from_a_file(server: IssuerServer) -> None:
    server.discovery = {**server.discovery, "jwks_uri": "file:///etc/passwd"}


@pytest.mark.parametrize(
    "wrong",
    [
        redirecting,
        failing,
        garbled,
        deep,
        listing,
        endless,
        an_impostor,
        over_plain_http,
        from_a_file,
    ],
)
def test_an_answer_that_proves_nothing_is_none(
    issuer: IssuerServer, wrong: Callable[[IssuerServer], None]
) -> None:
    """Keys come whole, from the issuer itself, over https, without a redirect."""
    wrong(issuer)
    with pytest.raises(IssuerUnreachable):
        fetch_keys(issuer.issuer)
    assert "/elsewhere" not in issuer.asked


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
        {**public_jwk("rsa"), "use": "enc"},
        {**public_jwk("rsa"), "alg": "HS256"},
        {**public_jwk("rsa"), "alg": "none"},
        {**public_jwk("rsa"), "kid": None},
        {**public_jwk("rsa"), "n": "!"},
        {**public_jwk("rsa"), "d": "AQAB"},
        public_jwk("rsa_short"),
        public_jwk("ec_p384"),
        {},
    ],
)
def test_keys_that_must_not_sign_are_left_out(jwk: dict[str, Any]) -> None:
    """No shared secret, no encryption key, no private, short, broken or nameless key."""
    assert set(signing_keys([jwk, public_jwk("ed")])) == {"ed"}
    with pytest.raises(IssuerUnreachable):
        signing_keys([jwk])


def test_a_key_is_bound_to_its_algorithms() -> None:
    """The key, not the token, says how a signature is checked."""
    keys = signing_keys([public_jwk("rsa"), public_jwk("rsa_pss", alg="PS256"), public_jwk("ec")])
    assert {name: key.algorithms for name, key in keys.items()} == {
        "rsa": ("RS256", "PS256"),
        "rsa_pss": ("PS256",),
        "ec": ("ES256",),
    }


def test_many_who_ask_at_once_share_one_answer(issuer: IssuerServer) -> None:
    """A hundred first requests make the API ask its issuer once."""

    async def ask() -> None:
        key_set = KeySet(issuer.issuer)
        await asyncio.gather(*(key_set.key("rsa") for _ in range(100)))

    asyncio.run(ask())
    assert len(issuer.asked) == 2


def test_invented_key_ids_do_not_reach_the_issuer(issuer: IssuerServer, clock: Clock) -> None:
    """Whatever ids strangers invent, the issuer is asked once in a while at most."""

    async def invent() -> None:
        key_set = KeySet(issuer.issuer, clock=clock)
        for number in range(200):
            with pytest.raises(Unauthenticated, match="does not publish"):
                await key_set.key(f"invented {number}")
            clock.move(PAUSE_SECONDS / 100)

    asyncio.run(invent())
    assert issuer.asked.count("/keys") == 2


def test_a_new_key_is_found_when_it_is_used(issuer: IssuerServer, clock: Clock) -> None:
    """A key that the issuer has just begun to use needs no restart."""

    async def rotate() -> None:
        key_set = KeySet(issuer.issuer, clock=clock)
        await key_set.key("rsa")
        issuer.keys = [public_jwk("rsa_next")]
        clock.move(PAUSE_SECONDS)
        assert await key_set.key("rsa_next")
        with pytest.raises(Unauthenticated):
            await key_set.key("rsa")

    asyncio.run(rotate())


def test_a_withdrawn_key_stops_to_serve(issuer: IssuerServer, clock: Clock) -> None:
    """The set is renewed beside the requests, so that a withdrawal is noticed."""

    async def withdraw() -> None:
        key_set = KeySet(issuer.issuer, clock=clock)
        await key_set.key("rsa")
        issuer.keys = [public_jwk("ed")]
        clock.move(RENEW_SECONDS + 1)
        assert await key_set.key("rsa")
        await settled(key_set)
        with pytest.raises(Unauthenticated):
            await key_set.key("rsa")

    asyncio.run(withdraw())


def test_known_keys_serve_while_the_issuer_is_down(
    issuer: IssuerServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Its absence is logged and shuts nobody out whose key is known; those of others wait."""

    async def outage() -> None:
        key_set = KeySet(issuer.issuer, clock=clock)
        await key_set.key("rsa")
        failing(issuer)
        clock.move(MOST_STALE_SECONDS - 1)
        await key_set.key("rsa")
        await settled(key_set)
        assert await key_set.key("rsa")
        with pytest.raises(CredentialsUnavailable):
            await key_set.key("new")

    asyncio.run(outage())
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_keys_known_for_a_day_without_the_issuer_serve_no_longer(
    issuer: IssuerServer, clock: Clock
) -> None:
    """A withdrawal that cannot be heard of has its bound; once the issuer is back, all is well."""

    async def outage() -> None:
        key_set = KeySet(issuer.issuer, clock=clock)
        await key_set.key("rsa")
        failing(issuer)
        clock.move(MOST_STALE_SECONDS + 1)
        with pytest.raises(CredentialsUnavailable):
            await key_set.key("rsa")
        issuer.reset()
        clock.move(PAUSE_SECONDS)
        assert await key_set.key("rsa")

    asyncio.run(outage())


def test_an_issuer_that_was_never_reached_is_nobody_s_fault(clock: Clock) -> None:
    """A caller may be right where nobody can tell: 503, and the next attempt after a pause."""
    attempts: list[Issuer] = []

    def unreachable(issuer: Issuer) -> list[Any]:
        attempts.append(issuer)
        raise IssuerUnreachable("down")

    async def ask() -> None:
        key_set = KeySet(Issuer("https://id.example.org", "a"), unreachable, clock)
        for _ in range(10):
            with pytest.raises(CredentialsUnavailable) as refusal:
                await key_set.key("rsa")
            assert refusal.value.status == 503

    asyncio.run(ask())
    assert len(attempts) == 1


def test_the_event_loop_goes_on_while_the_issuer_thinks(clock: Clock) -> None:
    """A slow issuer holds up those who wait for its keys and nobody else."""
    from threading import Event

    answer = Event()

    def slow(_issuer: Issuer) -> list[Any]:
        assert answer.wait(10)
        return [json.loads(json.dumps(public_jwk("ed")))]

    async def ask() -> None:
        key_set = KeySet(Issuer("https://id.example.org", "a"), slow, clock)
        waiting = asyncio.create_task(key_set.key("ed"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        answer.set()
        await waiting

    asyncio.run(ask())


def test_a_caller_who_gives_up_does_not_stop_the_fetch(clock: Clock) -> None:
    """The others wait on, and get their keys."""
    from threading import Event

    answer = Event()

    def slow(_issuer: Issuer) -> list[Any]:
        assert answer.wait(10)
        return [public_jwk("ed")]

    async def ask() -> None:
        key_set = KeySet(Issuer("https://id.example.org", "a"), slow, clock)
        impatient, patient = (asyncio.create_task(key_set.key("ed")) for _ in range(2))
        await asyncio.sleep(0.05)
        impatient.cancel()
        await asyncio.sleep(0.05)
        answer.set()
        assert await patient

    asyncio.run(ask())
