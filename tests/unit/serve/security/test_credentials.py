from __future__ import annotations

import pytest

from creditrisk.serve.security.credentials import MOST_BYTES, presented
from creditrisk.serve.security.refusals import CredentialTooLong, Unauthenticated


@pytest.mark.parametrize(
    "header",
    [
        (b"authorization", b"Bearer secret"),
        (b"authorization", b"bearer  secret "),
        (b"x-api-key", b"secret"),
    ],
)
def test_either_header_holds_a_credential(header: tuple[bytes, bytes]) -> None:
    """Bearer in any case, or the header of API keys."""
    assert presented([(b"host", b"a"), header]) == "secret"


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ([], "no credential"),
        ([(b"authorization", b"Bearer a"), (b"x-api-key", b"b")], "more than one"),
        ([(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")], "more than one"),
        ([(b"authorization", b"Basic dTpw")], "scheme"),
        ([(b"authorization", b"secret")], "scheme"),
        ([(b"authorization", b"Bearer ")], "empty"),
        ([(b"x-api-key", b"")], "empty"),
        ([(b"x-api-key", b"s\xc3\xa9cret")], "ASCII"),
    ],
)
def test_anything_else_is_refused(headers: list[tuple[bytes, bytes]], said: str) -> None:
    """One credential, readable; nobody chooses between two, and the refusal repeats neither."""
    with pytest.raises(Unauthenticated, match=said) as refusal:
        presented(headers)
    assert refusal.value.status == 401
    assert "secret" not in str(refusal.value)


def test_who_sends_nothing_is_only_asked_for_a_credential() -> None:
    """RFC 6750: a challenge names no error where there was no credential."""
    with pytest.raises(Unauthenticated) as refusal:
        presented([])
    assert refusal.value.headers["WWW-Authenticate"] == 'Bearer realm="creditrisk"'


def test_an_endless_credential_is_not_looked_at() -> None:
    """Nothing is hashed or parsed that is longer than any credential."""
    with pytest.raises(CredentialTooLong) as refusal:
        presented([(b"authorization", b"Bearer " + b"a" * MOST_BYTES)])
    assert refusal.value.status == 431
