"""Create, list or revoke the API keys of callers."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from creditrisk.pipelines.command import run
from creditrisk.serve.security.callers import Scope

if TYPE_CHECKING:
    from creditrisk.core.settings import RateLimitSettings
    from creditrisk.serve.security.keys import StoredKey

Action = Annotated[
    Literal["create", "list", "revoke"],
    typer.Argument(help="create a key for a caller, list all keys, or revoke one."),
]
Subject = Annotated[
    str | None, typer.Argument(help="create: the caller's name. revoke: the key's id.")
]
KeyFilePath = Annotated[
    Path,
    typer.Option("--file", envvar="CREDITRISK_API_KEYS_FILE", help="Where the hashes are kept."),
]
Scopes = Annotated[
    list[Scope] | None,
    typer.Option("--scope", help="create: what the caller may do; give it once for each scope."),
]
ExpiresDays = Annotated[
    int | None, typer.Option(min=1, help="create: the key opens nothing after so many days.")
]
RequestsPerSecond = Annotated[
    float | None, typer.Option(min=0.001, help="create: a limit of this key's own.")
]
Burst = Annotated[int | None, typer.Option(min=1, help="create: how many of them at once.")]


def main(
    action: Action,
    subject: Subject = None,
    *,
    file: KeyFilePath,
    scope: Scopes = None,
    expires_days: ExpiresDays = None,
    requests_per_second: RequestsPerSecond = None,
    burst: Burst = None,
) -> None:
    """Create, list or revoke the API keys of callers; a new key is shown this once."""
    if action == "list":
        _list(file)
    elif subject is None:
        raise typer.BadParameter("name the caller, or for revoke the key's id.")
    elif action == "revoke":
        _revoke(file, subject)
    else:
        _create(file, subject, scope or [], expires_days, _limit(requests_per_second, burst))


def _create(
    file: Path,
    name: str,
    scopes: list[Scope],
    expires_days: int | None,
    limit: RateLimitSettings | None,
) -> None:
    from creditrisk.serve.security import keys

    lifetime = timedelta(days=expires_days) if expires_days else None
    new = keys.new_key(name, scopes, lifetime=lifetime, rate_limit=limit)
    keys.add(file, new.stored)
    typer.echo(
        f"Key {new.stored.id} for {name} ({', '.join(new.stored.scopes)}). {file} keeps its hash "
        "alone: this is the only time that the key is shown.",
        err=True,
    )
    typer.echo(new.text)


def _list(file: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from creditrisk.serve.security.keys import KeyFile

    table = Table("id", "caller", "scopes", "limit", "created", "state", box=None)
    for key in KeyFile.load(file).keys:
        table.add_row(*_row(key))
    Console(width=120).print(table)


def _row(key: StoredKey) -> tuple[str, ...]:
    state = key.invalid_because(datetime.now(UTC))
    if state is None:
        state = f"valid until {key.expires_at:%Y-%m-%d}" if key.expires_at else "valid"
    limit = key.rate_limit
    shown = f"{limit.requests_per_second:g}/s, {limit.burst} at once" if limit else "default"
    return (key.id, key.name, ", ".join(key.scopes), shown, f"{key.created_at:%Y-%m-%d}", state)


def _revoke(file: Path, key_id: str) -> None:
    from creditrisk.serve.security import keys

    stored = keys.revoke(file, key_id)
    typer.echo(
        f"Key {stored.id} of {stored.name} is revoked. An API that reads {file} refuses it within "
        "a second."
    )


def _limit(per_second: float | None, burst: int | None) -> RateLimitSettings | None:
    """A limit of the key's own; what may come at once is a second's worth unless it is given."""
    from creditrisk.core.settings import RateLimitSettings

    if per_second is None:
        if burst is not None:
            raise typer.BadParameter("--burst needs --requests-per-second too.")
        return None
    return RateLimitSettings(
        requests_per_second=per_second, burst=burst or max(1, math.ceil(per_second))
    )


if __name__ == "__main__":
    run(main)
