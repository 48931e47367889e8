"""What counts as this machine.

An API without keys trusts whoever can reach the loopback address. A web page open on the same
machine can reach it too, by a name that its owner lets point at 127.0.0.1 or by a form that posts
across sites; the browser then says so in Host or Origin.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

_NAMED_HEADERS = {b"host": "Host", b"origin": "Origin"}


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether an address, or the name localhost, leads to this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def strange_header(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The header, Host or Origin, that names another machine than this one, if any does."""
    for name, value in headers:
        if name in _NAMED_HEADERS and not is_loopback(_host(value.decode("latin-1"))):
            return _NAMED_HEADERS[name]
    return None


def _host(authority: str) -> str:
    """The host of `host:port`, `[address]:port` or an origin."""
    place = authority.rpartition("://")[2]
    if place.startswith("["):
        return place[1:].partition("]")[0]
    return place.partition(":")[0]
