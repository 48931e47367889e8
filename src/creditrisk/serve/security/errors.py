"""Why the API does not start, or a key is not made: each error says the remedy."""

from __future__ import annotations

from pathlib import Path

from creditrisk.core.errors import Misuse


class NobodyMayCall(Misuse):
    """The API would listen to a network without knowing who calls."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"API not started: it would listen on {host}, and neither API keys nor an issuer of "
            "tokens are configured. Make a key with creditrisk api-key create and name its file in "
            "CREDITRISK_API_KEYS_FILE, or name an issuer in CREDITRISK_OIDC_ISSUER and "
            "CREDITRISK_OIDC_AUDIENCE, or listen on 127.0.0.1 (params.yaml, serve.host)."
        )


class NoUsableKey(Misuse):
    """A file of API keys that lets nobody in."""

    def __init__(self, path: Path, keys: int) -> None:
        super().__init__(
            f"API not started: of the {keys} API keys in {path} none is valid today, and no issuer "
            "of tokens is configured. Make one with creditrisk api-key create."
        )


class UnusableKeyFile(Misuse):
    """The file of API keys cannot be trusted or read."""

    def __init__(self, path: Path, problem: str) -> None:
        self.problem = problem
        super().__init__(f"API keys refused: {path} {problem}")


class UnknownKey(Misuse):
    """No key has this id."""

    def __init__(self, path: Path, key_id: str) -> None:
        super().__init__(
            f"No key revoked: {path} holds none of id {key_id!r}. See creditrisk api-key list."
        )


class InvalidKeyRequest(Misuse):
    """A key that would open nothing, or whose caller could not be told from another."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"API key not changed: {problem}")


class InvalidIssuer(Misuse):
    """The environment names an issuer of tokens that cannot be used."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"API not started: {problem}")
