from __future__ import annotations

import pytest

from creditrisk.serve.security.errors import InvalidIssuer
from creditrisk.serve.security.issuer import (
    AUDIENCE_VARIABLE,
    ISSUER_VARIABLE,
    JWKS_URL_VARIABLE,
    Issuer,
    is_trustworthy,
)


def named(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Issuer | None:
    """The issuer of an environment."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Issuer.from_environment()


def test_no_issuer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without a word of it, or with an empty one, names no issuer."""
    assert named(monkeypatch) is None
    assert named(monkeypatch, **{ISSUER_VARIABLE: ""}) is None


def test_the_environment_names_an_issuer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Issuer and audience suffice; its keys are then found by discovery."""
    variables = {ISSUER_VARIABLE: "https://id.example.org", AUDIENCE_VARIABLE: "api"}
    assert named(monkeypatch, **variables) == Issuer("https://id.example.org", "api", None)


@pytest.mark.parametrize(
    "variables",
    [
        {ISSUER_VARIABLE: "https://id.example.org"},
        {AUDIENCE_VARIABLE: "api"},
        {JWKS_URL_VARIABLE: "https://id.example.org/keys"},
        {ISSUER_VARIABLE: "http://id.example.org", AUDIENCE_VARIABLE: "api"},
        {
            ISSUER_VARIABLE: "https://id.example.org",
            AUDIENCE_VARIABLE: "api",
            JWKS_URL_VARIABLE: "http://id.example.org/keys",
        },
    ],
)
def test_half_an_issuer_is_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    """Without an audience, or over plain HTTP, tokens would prove nothing."""
    with pytest.raises(InvalidIssuer, match="API not started"):
        named(monkeypatch, **variables)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://id.example.org/realm", True),
        ("http://127.0.0.1:8080", True),
        ("http://localhost", True),
        ("http://id.example.org", False),
        ("file:///etc/passwd", False),
        ("ftp://id.example.org", False),
        ("https://", False),
        ("http://[broken", False),
        ("None", False),
    ],
)
def test_only_https_is_trusted(url: str, *, expected: bool) -> None:
    """Plain HTTP serves only on this machine, no other scheme at all."""
    assert is_trustworthy(url) is expected
