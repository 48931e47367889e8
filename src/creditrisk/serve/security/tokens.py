"""Tokens of an OpenID Connect issuer: who they say calls, once everything about them is checked.

Source: RFC 8725 (JWT Best Current Practices), RFC 9068 (JWT access tokens).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from jwt.utils import base64url_decode

from creditrisk.serve.security.callers import Caller, Scope
from creditrisk.serve.security.issuer import Issuer
from creditrisk.serve.security.jwks import KeySet, SigningKey
from creditrisk.serve.security.refusals import Unauthenticated

LEEWAY_SECONDS = 30
SCOPE_PREFIX = "creditrisk:"
SUBJECT_PREFIX = "oidc:"
MOST_SUBJECT_CHARACTERS = 128
BELIEVED_SECONDS = 60.0
MOST_BELIEVED = 10_000
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "The token has expired."),
    (jwt.ImmatureSignatureError, "The token is not valid yet."),
    (jwt.InvalidAudienceError, "The token is for another audience."),
    (jwt.InvalidIssuerError, "The token is of another issuer."),
    (jwt.InvalidAlgorithmError, "The token's algorithm is not one that its key may be used with."),
    (jwt.InvalidSignatureError, "The token's signature is wrong."),
    (jwt.MissingRequiredClaimError, "The token lacks one of exp, iss, aud and sub."),
)
_UNREADABLE_REASON = "The credential is neither an API key nor a readable token."
# What a library may meet in a token made to break it.
_UNREADABLE = (jwt.PyJWTError, ArithmeticError, RecursionError, TypeError, ValueError)


class TokenVerifier:
    """The callers that an issuer's tokens stand for.

    A token once verified is believed for a minute, and never past its end: checking a signature
    costs a hundred times what finding it again does.
    """

    def __init__(
        self,
        issuer: Issuer,
        keys: KeySet | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuer = issuer
        self._keys = keys or KeySet(issuer)
        self._clock = clock
        self._believed: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()

    async def caller(self, token: str) -> Caller:
        """Who presents this token.

        Raises:
            Unauthenticated: forged, expired, not for this API, or no token at all.
            CredentialsUnavailable: the issuer's keys are not known.
        """
        digest = hashlib.sha256(token.encode()).digest()
        caller, until = self._believed.get(digest, (None, 0.0))
        if caller is not None and self._clock() < until:
            return caller
        key = await self._keys.key(_key_id(token))
        claims = self._claims(token, key)
        name = f"{SUBJECT_PREFIX}{_subject(claims)}"
        caller = Caller(name, name, scopes_of(claims))
        self._believe(digest, caller, min(self._clock() + BELIEVED_SECONDS, int(claims["exp"])))
        return caller

    def _believe(self, digest: bytes, caller: Caller, until: float) -> None:
        self._believed[digest] = (caller, until)
        self._believed.move_to_end(digest)
        if len(self._believed) > MOST_BELIEVED:
            self._believed.popitem(last=False)

    def _claims(self, token: str, key: SigningKey) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                key.key,
                algorithms=key.algorithms,
                audience=self._issuer.audience,
                issuer=self._issuer.url,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except _UNREADABLE as error:
            raise Unauthenticated(_reason(error)) from None


def scopes_of(claims: Mapping[str, Any]) -> frozenset[Scope]:
    """What a token allows: words of `scope` or `scp` such as `creditrisk:predict`."""
    words: set[str] = set()
    for claim in ("scope", "scp"):
        value = claims.get(claim, ())
        listed = value.split() if isinstance(value, str) else value
        if isinstance(listed, list | tuple):
            words.update(word for word in listed if isinstance(word, str))
    return frozenset(scope for scope in Scope if f"{SCOPE_PREFIX}{scope}" in words)


def _key_id(token: str) -> str:
    """The id of the key that a token, which is not to be believed yet, names."""
    header = _header(token)
    kind, key_id = header.get("typ", "JWT"), header.get("kid")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise Unauthenticated("The token is of another type than JWT or at+jwt.")
    if "crit" in header or "b64" in header:
        raise Unauthenticated("The token asks for an extension that is not supported.")
    if not isinstance(key_id, str):
        raise Unauthenticated("The token does not name the key it is signed with.")
    return key_id


def _header(token: str) -> dict[str, Any]:
    """The first part alone: what names no known key is not worth the reading of the rest."""
    try:
        header = json.loads(base64url_decode(token.partition(".")[0]))
    except _UNREADABLE as error:
        raise Unauthenticated(_reason(error)) from None
    if not isinstance(header, dict):
        raise Unauthenticated(_UNREADABLE_REASON)
    return header


def _subject(claims: Mapping[str, Any]) -> str:
    subject = claims["sub"]
    fits = isinstance(subject, str) and 0 < len(subject) <= MOST_SUBJECT_CHARACTERS
    if not fits or not subject.isprintable():
        raise Unauthenticated("The token's subject is empty, too long or not printable.")
    return str(subject)


def _reason(error: Exception) -> str:
    """Words of our own: a library's may quote the token."""
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return _UNREADABLE_REASON
