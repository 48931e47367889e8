"""The OpenID Connect issuer whose tokens are accepted, as the environment names it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from creditrisk.serve.security.errors import InvalidIssuer
from creditrisk.serve.security.locality import is_loopback

ISSUER_VARIABLE = "CREDITRISK_OIDC_ISSUER"
AUDIENCE_VARIABLE = "CREDITRISK_OIDC_AUDIENCE"
JWKS_URL_VARIABLE = "CREDITRISK_OIDC_JWKS_URL"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues tokens, and for whom.

    Args:
        url: the issuer's name, exactly as its tokens state it.
        audience: what its tokens for this API state as theirs.
        jwks_url: where its public keys are; None: where its discovery document says.
    """

    url: str
    audience: str
    jwks_url: str | None = None

    def __post_init__(self) -> None:
        if not self.audience:
            raise InvalidIssuer(
                f"{ISSUER_VARIABLE} is set and {AUDIENCE_VARIABLE} is not; without it a token for "
                "any other service of that issuer would open this one."
            )
        for variable, url in ((ISSUER_VARIABLE, self.url), (JWKS_URL_VARIABLE, self.jwks_url)):
            if url is not None and not is_trustworthy(url):
                raise InvalidIssuer(
                    f"{variable} is {url!r}; required is an https address (http only for this "
                    "machine), for whoever can change what it answers can make tokens."
                )

    @classmethod
    def from_environment(cls) -> Self | None:
        """The issuer that the environment names, if it names one.

        Raises:
            InvalidIssuer: half of what is needed is missing, or an address is not https.
        """
        url = os.environ.get(ISSUER_VARIABLE)
        audience = os.environ.get(AUDIENCE_VARIABLE, "")
        jwks_url = os.environ.get(JWKS_URL_VARIABLE) or None
        if url:
            return cls(url, audience, jwks_url)
        if audience or jwks_url:
            raise InvalidIssuer(
                f"{AUDIENCE_VARIABLE} or {JWKS_URL_VARIABLE} is set and {ISSUER_VARIABLE} is not."
            )
        return None


def is_trustworthy(url: str) -> bool:
    """Whether nobody on the way can change what this address answers."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    )
