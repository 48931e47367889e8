"""Where a raw file or a set of them lies, as a person writes it in params.yaml."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from creditrisk.data.sources.errors import UnsetVariable

SYNTHETIC = "synthetic"
LOCAL = "local"

# A raw file is looked for under these endings, in this order.
ENDINGS = (".csv", ".csv.gz", ".csv.zip", ".zip")

_OBJECT_ENDINGS = (".csv", ".gz", ".zip")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_SHORTEST_SECRET = 4

# Schemes whose address is all path.
_WITHOUT_HOST = {"dvc", SYNTHETIC}

# Azure's data lake addresses are abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH.
_CONTAINER_AS_USER = {"abfs", "abfss"}


@dataclass(frozen=True, slots=True)
class Location:
    """A URI or a path; `${NAME}` in it stands for an environment variable, for instance a secret."""

    written: str

    @property
    def uri(self) -> str:
        """The address with its environment variables filled in; may hold secrets.

        Raises:
            UnsetVariable: a variable is not set.
        """
        return _VARIABLE.sub(self._variable, self.written)

    @property
    def kind(self) -> str:
        """`synthetic`, `local`, or the scheme of the URL in lower case."""
        uri = self.uri
        if uri == SYNTHETIC:
            return SYNTHETIC
        scheme = uri.partition("://")[0].lower() if "://" in uri else "file"
        return LOCAL if scheme in {"file", "local"} else scheme

    @property
    def path(self) -> Path:
        """The path of a local location, relative where it was written so."""
        prefix, separator, rest = self.uri.partition("://")
        return Path(unquote(rest) if separator else prefix).expanduser()

    @property
    def name(self) -> str:
        """The last part of the path: a file's name, or a folder's."""
        parts = urlsplit(self.uri)
        path = parts.netloc + parts.path if self.kind in _WITHOUT_HOST else parts.path
        path = self.uri if self.kind == LOCAL else path
        return unquote(path.rstrip("/").rpartition("/")[2])

    @property
    def names_one_object(self) -> bool:
        """Whether this is a file or an archive by its name, not a folder."""
        return self.name.lower().endswith(_OBJECT_ENDINGS)

    @property
    def shown(self) -> str:
        """The address without user, password, query and fragment; variables stay names."""
        return _without_secrets(self.written)

    def child(self, name: str) -> Location:
        """The object of that name in this folder; a query (a signature) is kept."""
        if "://" not in self.written:
            return Location(f"{self.written.rstrip('/')}/{name}")
        parts = urlsplit(self.written)
        path = f"{parts.path.rstrip('/')}/{quote(name)}"
        return Location(urlunsplit(parts._replace(path=path)))

    def scrub(self, text: str) -> str:
        """`text`, for instance a library's error message, without this address's secrets."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _secrets(self) -> set[str]:
        parts = urlsplit(self.uri)
        values = {parts.password, parts.query, parts.fragment}
        values |= set() if parts.scheme in _CONTAINER_AS_USER else {parts.username}
        values |= {value for _, value in parse_qsl(parts.query)}
        values |= {os.environ.get(name) for name in _VARIABLE.findall(self.written)}
        forms = {
            form for value in values if value for form in (value, quote(value), unquote(value))
        }
        return {form for form in forms if len(form) >= _SHORTEST_SECRET}

    def _variable(self, match: re.Match[str]) -> str:
        value = os.environ.get(match[1])
        if value is None:
            raise UnsetVariable(self.shown, match[1])
        return value


def _without_secrets(address: str) -> str:
    if "://" not in address:
        return address
    parts = urlsplit(address)
    user, _, host = parts.netloc.rpartition("@")
    if parts.scheme in _CONTAINER_AS_USER and user:
        host = f"{user.partition(':')[0]}@{host}"
    return urlunsplit((parts.scheme, host, parts.path, "", "")) + _dvc_repository(parts)


def _dvc_repository(parts: SplitResult) -> str:
    """Which repository and revision a DVC target is of: part of its identity, no secret."""
    if parts.scheme != "dvc":
        return ""
    kept = [
        (key, _without_secrets(value))
        for key, value in parse_qsl(parts.query)
        if key in {"repo", "rev"}
    ]
    return f"?{urlencode(kept, safe='/:@')}" if kept else ""
