"""The one credential of a request."""

from __future__ import annotations

from collections.abc import Iterable

from creditrisk.serve.security.refusals import CredentialTooLong, Unauthenticated

MOST_BYTES = 8_192
_AUTHORIZATION = b"authorization"
_API_KEY = b"x-api-key"
_HEADERS = frozenset({_AUTHORIZATION, _API_KEY})


def presented(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The key or token of `Authorization: Bearer` or `X-API-Key`.

    Args:
        headers: as ASGI gives them, names in lower case.

    Raises:
        Unauthenticated: none, two of them, another scheme, or bytes that no credential has.
        CredentialTooLong: more than `MOST_BYTES`.
    """
    found = [header for header in headers if header[0] in _HEADERS]
    if not found:
        raise Unauthenticated("The request holds no credential.", presented=False)
    if len(found) > 1:
        raise Unauthenticated("The request holds more than one credential.")
    name, value = found[0]
    if len(value) > MOST_BYTES:
        raise CredentialTooLong(name.decode(), len(value), MOST_BYTES)
    return _text(value if name == _API_KEY else _bearer(value))


def _bearer(value: bytes) -> bytes:
    scheme, _, credential = value.partition(b" ")
    if scheme.lower() != b"bearer":
        raise Unauthenticated("Authorization is of another scheme than Bearer.")
    return credential


def _text(value: bytes) -> str:
    try:
        text = value.strip().decode("ascii")
    except UnicodeDecodeError:
        raise Unauthenticated("The credential is not ASCII text.") from None
    if not text:
        raise Unauthenticated("The credential is empty.")
    return text
