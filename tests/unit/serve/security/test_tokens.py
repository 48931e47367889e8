from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from credentials_made import (
    Clock,
    IssuerServer,
    claims,
    private_key,
    public_jwk,
    signed_with_public_key,
    token,
    unsigned,
)
from hypothesis import given
from hypothesis import strategies as st

from creditrisk.serve.problems import Problem
from creditrisk.serve.security.callers import Caller, Scope
from creditrisk.serve.security.issuer import Issuer
from creditrisk.serve.security.jwks import KeySet, SigningKey
from creditrisk.serve.security.refusals import Unauthenticated
from creditrisk.serve.security.tokens import (
    BELIEVED_SECONDS,
    LEEWAY_SECONDS,
    TokenVerifier,
    scopes_of,
)

ISSUER = Issuer("https://id.example.org", "creditrisk-api")


def published(_issuer: Issuer) -> list[dict[str, Any]]:
    return [public_jwk("rsa"), public_jwk("ec"), public_jwk("ed"), public_jwk("rsa_2", alg="RS256")]


def caller_of(presented: str) -> Caller:
    """Who presents this token to an API of that issuer."""
    verifier = TokenVerifier(ISSUER, KeySet(ISSUER, published))
    return asyncio.run(verifier.caller(presented))


def refusal_of(presented: str) -> Unauthenticated:
    """Why nobody is known who presents this token."""
    with pytest.raises(Unauthenticated) as refusal:
        caller_of(presented)
    return refusal.value


def in_seconds(seconds: int) -> Callable[[], int]:
    """A time that is told when it is asked for: tests may wait long for their turn."""
    return lambda: int(time.time()) + seconds


def said(**changes: Any) -> dict[str, Any]:
    told = {name: value() if callable(value) else value for name, value in changes.items()}
    return claims(ISSUER, **told)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [("rsa", "RS256"), ("rsa", "PS256"), ("ec", "ES256"), ("ed", "EdDSA"), ("rsa_2", "RS256")],
)
def test_a_good_token_names_its_caller(key: str, algorithm: str) -> None:
    """Each asymmetric algorithm serves; the name cannot be taken for that of an API key."""
    caller = caller_of(token(said(), key, algorithm))
    assert caller == Caller("oidc:lender-7", "oidc:lender-7", frozenset({Scope.PREDICT}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": in_seconds(-LEEWAY_SECONDS - 1)}, "expired"),
        ({"nbf": in_seconds(LEEWAY_SECONDS + 60)}, "not valid yet"),
        ({"iat": in_seconds(LEEWAY_SECONDS + 60)}, "not valid yet"),
        ({"aud": "another-api"}, "another audience"),
        ({"aud": ["another-api"]}, "another audience"),
        ({"aud": [{"creditrisk-api": 1}]}, "another audience"),
        ({"iss": "https://id.example.org/"}, "another issuer"),
        ({"iss": ["https://id.example.org"]}, "another issuer|readable"),
        ({"exp": None}, "lacks"),
        ({"aud": None}, "lacks"),
        ({"iss": None}, "lacks"),
        ({"sub": None}, "lacks"),
        ({"sub": ""}, "subject"),
        ({"sub": "s" * 129}, "subject"),
        ({"sub": "two\nlines"}, "subject"),
        ({"sub": {"a": 1}}, "readable|subject"),
        ({"exp": "soon"}, "readable"),
        ({"exp": float("inf")}, "readable"),
        ({"nbf": float("nan")}, "readable"),
    ],
)
def test_what_a_token_says_is_checked(changes: dict[str, Any], reason: str) -> None:
    """Right signature or not: a token is of this issuer, for this API, and for now."""
    presented = hand_signed(said(**changes))
    refusal = refusal_of(presented)
    assert refusal.status == 401
    assert any(words in refusal.reason for words in reason.split("|")), refusal.reason


def hand_signed(content: dict[str, Any]) -> str:
    """A token signed by the right key whose content PyJWT might refuse to write."""
    import json

    from jwt.api_jws import PyJWS

    return PyJWS().encode(
        json.dumps(content).encode(), private_key("rsa"), "RS256", {"kid": "rsa", "typ": "JWT"}
    )


def test_clocks_may_differ_a_little() -> None:
    """Some seconds past the end, or before the beginning, a token still serves."""
    assert caller_of(token(said(exp=in_seconds(-5))))
    assert caller_of(token(said(nbf=in_seconds(10), iat=in_seconds(10))))


@pytest.mark.parametrize(
    "end",
    [lambda: str(int(time.time()) + 300), lambda: int(time.time()) + 300.5, 10**30],
    ids=["text", "a fraction", "far away"],
)
def test_an_end_in_another_form_is_understood(end: object) -> None:
    """Text, fractions and far futures are times too, and break nothing."""
    assert caller_of(hand_signed(said(exp=end)))


def tampered(good: str) -> str:
    """The good token with a scope written into it."""
    head, _, signature = good.split(".")
    content = token(said(scope="creditrisk:admin")).split(".")[1]
    return f"{head}.{content}.{signature}"


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda: token(said(), "rsa_stranger", kid="rsa"), "signature is wrong"),
        (lambda: token(said(), "rsa_stranger"), "does not publish"),
        (lambda: token(said(), "rsa", kid="ec"), "algorithm"),
        (lambda: token(said(), "rsa_2", "PS256"), "algorithm"),
        (lambda: token(said(), "rsa", "RS512"), "algorithm"),
        (lambda: tampered(token(said())), "signature is wrong"),
        (lambda: token(said()).rsplit(".", 1)[0] + ".", "signature is wrong"),
        (lambda: unsigned(said(), kid="rsa"), "algorithm"),
        (lambda: unsigned(said(), kid="rsa", alg="None"), "algorithm"),
        (lambda: unsigned(said(), kid="rsa", alg=""), "algorithm"),
        (lambda: unsigned(said(), kid="rsa", alg=["RS256"]), "algorithm|readable"),
        (lambda: unsigned(said()), "does not name the key"),
        (lambda: unsigned(said(), kid=7), "readable|does not name"),
        (lambda: signed_with_public_key(said()), "algorithm"),
        (lambda: token(said(), kid="../../etc/passwd"), "does not publish"),
        (lambda: token(said(), typ="logout+jwt"), "another type"),
        (lambda: token(said(), typ=["JWT"]), "another type|readable"),
        (lambda: token(said(), crit=["exp"]), "extension|readable"),
        (lambda: token(said(), "rsa_stranger", jwk=public_jwk("rsa_stranger"), kid="rsa"), "wrong"),
        (lambda: "not.a.token", "readable"),
        (lambda: "..", "readable"),
        (lambda: "a" * 8_000, "readable"),
        (lambda: "W1tbW1tbW1tb" * 600 + ".e30.", "readable"),
    ],
)
def test_a_forged_token_opens_nothing(forge: Callable[[], str], reason: str) -> None:
    """No signature counts but one by the issuer's own key and algorithm."""
    presented = forge()
    refusal = refusal_of(presented)
    assert any(words in refusal.reason for words in reason.split("|")), refusal.reason
    assert presented not in str(refusal)


class Verifier:
    """A verifier, and how often it asked for a key, which it does for each signature."""

    def __init__(self, clock: Clock) -> None:
        self.checked = 0
        keys = KeySet(ISSUER, published)
        self._key, keys.key = keys.key, self._counted  # type: ignore[method-assign]
        self._verifier = TokenVerifier(ISSUER, keys, clock)

    async def _counted(self, key_id: str) -> SigningKey:
        self.checked += 1
        return await self._key(key_id)

    def caller(self, presented: str) -> Caller:
        """Who presents this."""
        return asyncio.run(self._verifier.caller(presented))


@pytest.fixture
def present(clock: Clock) -> Clock:
    """A clock that shows the time, as tokens mean it."""
    clock.now = time.time()
    return clock


def test_a_verified_token_is_believed_for_a_minute(present: Clock) -> None:
    """Its signature is checked once, and once more when the minute is over."""
    verifier, presented = Verifier(present), token(said(exp=in_seconds(3_600)))
    callers = {verifier.caller(presented) for _ in range(10)}
    assert (len(callers), verifier.checked) == (1, 1)
    present.move(BELIEVED_SECONDS)
    verifier.caller(presented)
    assert verifier.checked == 2


def test_a_token_is_not_believed_past_its_end(present: Clock) -> None:
    """What was verified shortly before its end is looked at again after it."""
    verifier, presented = Verifier(present), token(said(exp=int(present.now) + 5))
    verifier.caller(presented)
    present.move(6)
    verifier.caller(presented)
    assert verifier.checked == 2


def test_a_refused_token_is_not_remembered(present: Clock) -> None:
    """What was refused is refused again, and one altered character makes another token."""
    verifier, presented = Verifier(present), token(said())
    verifier.caller(presented)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            verifier.caller(tampered(presented))
    assert len(verifier._verifier._believed) == 1


def test_memory_for_tokens_is_bounded(present: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tokens are presented, some thousands are remembered."""
    monkeypatch.setattr("creditrisk.serve.security.tokens.MOST_BELIEVED", 5)
    verifier = Verifier(present)
    for number in range(12):
        verifier.caller(token(said(sub=f"lender-{number}"), "ed", "EdDSA"))
    assert len(verifier._verifier._believed) == 5


def test_a_key_within_a_token_is_not_looked_at() -> None:
    """A stranger's key in the header neither helps a forged token nor harms a good one."""
    stranger = public_jwk("rsa_stranger")
    assert caller_of(token(said(), jwk=stranger))
    assert "wrong" in refusal_of(token(said(), "rsa_stranger", kid="rsa", jwk=stranger)).reason


@given(
    st.text(max_size=200)
    | st.binary(max_size=200).map(lambda content: content.decode("latin-1"))
    | st.tuples(st.integers(0, 600), st.characters()).map(lambda edit: edited(*edit))
)
def test_no_text_breaks_the_verifier(presented: str) -> None:
    """Whatever is presented, the answer is a caller or a problem below 500."""
    try:
        caller_of(presented)
    except Problem as refusal:
        assert refusal.status == 401  # noqa: PT017


GOOD = token(said())


def edited(place: int, character: str) -> str:
    """A good token with one character changed."""
    return GOOD[:place] + character + GOOD[place + 1 :]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"scope": "creditrisk:predict openid creditrisk:audit"}, {Scope.PREDICT, Scope.AUDIT}),
        ({"scp": ["creditrisk:override"]}, {Scope.OVERRIDE}),
        ({"scp": "creditrisk:admin", "scope": "creditrisk:audit"}, {Scope.ADMIN, Scope.AUDIT}),
        ({"scope": "predict admin"}, set()),
        ({"scope": "creditrisk:everything CREDITRISK:ADMIN creditrisk:"}, set()),
        ({"scope": "creditrisk:predict,creditrisk:admin"}, set()),
        ({"scp": [["creditrisk:admin"], 7, None]}, set()),
        ({"scope": {"creditrisk:admin": True}}, set()),
        ({"roles": ["creditrisk:admin"]}, set()),
        ({}, set()),
    ],
)
def test_scopes_bear_the_project_s_prefix(content: dict[str, Any], expected: set[Scope]) -> None:
    """Words that other services of the issuer use open nothing here."""
    assert scopes_of(content) == expected


def test_a_real_issuer_s_token_opens(issuer: IssuerServer) -> None:
    """Discovery, keys, signature and claims work together over HTTP."""
    presented = token(claims(issuer.issuer), "ed", "EdDSA")
    caller = asyncio.run(TokenVerifier(issuer.issuer).caller(presented))
    assert caller.name == "oidc:lender-7"
