"""Which remote the environment names, and how DVC is told without a word on disk.

`DVC_REMOTE_URL` is a folder, `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`.
`DVC_REMOTE_CREDENTIALS` is a JSON object of DVC's own options for such a remote, or the path of a
file that holds one; for Google it may be a service account's key. Without it the store's client
looks where it always does: its own variables, a role of the machine, OIDC.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from creditrisk.data.sources.location import Location
from creditrisk.remotes.errors import NoRemote, UnusableCredentials, UnusableRemote

URL_VARIABLE = "DVC_REMOTE_URL"
CREDENTIALS_VARIABLE = "DVC_REMOTE_CREDENTIALS"

FOLDER = "folder"
_REQUIRED = "a folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"

# Our scheme, DVC's scheme.
_SCHEMES = {"file": FOLDER, "s3": "s3", "gs": "gs", "az": "azure", "azure": "azure"}

# DVC's options that say who asks and where. What would change how objects are stored is not taken:
# two machines with different options would not find each other's objects.
_OPEN_OPTIONS = {
    "s3": ("endpointurl", "profile", "region", "sse", "sse_kms_key_id"),
    "gs": ("credentialpath", "endpointurl", "projectname"),
    "azure": ("account_name", "client_id", "tenant_id"),
}
_SECRET_OPTIONS = {
    "s3": ("access_key_id", "secret_access_key", "session_token"),
    "gs": (),
    "azure": ("account_key", "client_secret", "connection_string", "sas_token"),
}
_TOGETHER = {
    "s3": ("access_key_id", "secret_access_key"),
    "azure": ("client_id", "client_secret", "tenant_id"),
}
_SERVICE_ACCOUNT = "service_account"
_SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """A remote and what opens it. `options` and `service_account` are never shown."""

    url: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    service_account: str | None = field(default=None, repr=False)

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> RemoteAddress:
        """The remote that the two variables name.

        Raises:
            NoRemote, UnusableRemote, UnusableCredentials: they name none, or none that is usable.
        """
        written = environment.get(URL_VARIABLE, "").strip()
        if not written:
            raise NoRemote(URL_VARIABLE, _REQUIRED)
        kind, url = _place(written)
        credentials = environment.get(CREDENTIALS_VARIABLE, "").strip()
        if not credentials:
            return cls(url, kind)
        if kind == FOLDER:
            raise UnusableCredentials(
                CREDENTIALS_VARIABLE,
                f"{url} is a folder",
                "none; its owner and mode guard a folder",
            )
        return cls(url, kind, *_opened(kind, credentials))

    @property
    def has_credentials(self) -> bool:
        """Whether the environment gave any; a store's client may have found others."""
        return bool(self.options) or self.service_account is not None

    @contextmanager
    def dvc_config(self) -> Iterator[dict[str, Any]]:
        """DVC's options of this remote, each download verified by its hash.

        They are handed to DVC in memory. A key of Google's, for which DVC takes only a path, lies
        for so long in a file of the system's temporary folder that its owner alone can read.
        """
        options = {"url": self.url, "verify": True, **self.options}
        if self.service_account is None:
            yield options
            return
        with tempfile.NamedTemporaryFile("w", suffix=".json") as key:  # made with mode 600
            key.write(self.service_account)
            key.flush()
            yield {**options, "credentialpath": key.name}

    def scrub(self, text: str) -> str:
        """`text`, for instance a library's error message, without a secret of this remote."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _secrets(self) -> set[str]:
        secret = _SECRET_OPTIONS.get(self.kind, ())
        values = {str(self.options[name]) for name in secret if name in self.options}
        if "connection_string" in self.options:
            pairs = str(self.options["connection_string"]).split(";")
            values |= {pair.partition("=")[2] for pair in pairs if "Key=" in pair or "Sig" in pair}
        if self.service_account is not None:
            values |= {str(json.loads(self.service_account).get("private_key", ""))}
        forms = {
            form for value in values for form in (value, json.dumps(value)[1:-1], unquote(value))
        }
        return {form for form in forms if len(form) >= _SHORTEST_SECRET}


def _place(written: str) -> tuple[str, str]:
    """The kind of a remote and its address in DVC's words."""
    if "://" not in written:
        return FOLDER, str(Path(written).expanduser().absolute())
    shown = Location(written).shown
    parts = urlsplit(written)
    kind = _SCHEMES.get(parts.scheme.lower())
    if kind is None:
        raise UnusableRemote(shown, _why_not(parts.scheme.lower()), _REQUIRED)
    if parts.query or parts.fragment or "@" in parts.netloc:
        seen = "it holds more than bucket and path"
        required = f"an address without a secret, which belongs into {CREDENTIALS_VARIABLE}"
        raise UnusableRemote(shown, seen, required)
    if kind == FOLDER:
        return FOLDER, str(Path(unquote(parts.path)).absolute())
    if not parts.netloc:
        raise UnusableRemote(shown, "it names no bucket", _REQUIRED)
    return kind, f"{kind}://{parts.netloc}{parts.path.rstrip('/')}"


def _why_not(scheme: str) -> str:
    if scheme in {"ssh", "sftp"}:
        return (
            "a host's key and a private key cannot be had from two variables without trusting any "
            "host; mount it as a folder (sshfs)"
        )
    if scheme in {"http", "https", "webdav", "webdavs"}:
        return "a web server does not tell what it holds, so nothing could be verified after a push"
    return f"{scheme}:// is not supported"


def _opened(kind: str, credentials: str) -> tuple[dict[str, Any], str | None]:
    """Options of DVC, and the key of a service account where that is what was given."""
    content = _object(credentials)
    if kind == "gs" and content.get("type") == _SERVICE_ACCOUNT:
        return {}, json.dumps(content)
    allowed = sorted(_OPEN_OPTIONS[kind] + _SECRET_OPTIONS[kind])
    unknown = sorted(set(content) - set(allowed))
    if unknown:
        seen = f"an option {kind} remotes do not take ({', '.join(map(_safe, unknown))})"
        raise UnusableCredentials(CREDENTIALS_VARIABLE, seen, f"some of {', '.join(allowed)}")
    wrong = [name for name, value in content.items() if not (isinstance(value, str) and value)]
    if wrong:
        seen = f"{', '.join(wrong)} is empty or no text"
        raise UnusableCredentials(CREDENTIALS_VARIABLE, seen, "text for each option")
    together = _TOGETHER.get(kind, ())
    absent = [name for name in together if name not in content]
    if absent and len(absent) < len(together):
        required = f"{', '.join(together)} together, or none"
        raise UnusableCredentials(CREDENTIALS_VARIABLE, f"{', '.join(absent)} is missing", required)
    return content, None


def _object(credentials: str) -> dict[str, Any]:
    """The JSON object that is written in the variable, or in the file that it names."""
    required = "a JSON object, or the path of a file that holds one"
    text = credentials
    if not credentials.startswith("{"):
        path = Path(credentials).expanduser()
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            # What is no path may be a secret: it is not repeated.
            seen = "it is neither JSON nor the path of a file that can be read"
            raise UnusableCredentials(CREDENTIALS_VARIABLE, seen, required) from None
    try:
        content = json.loads(text)
    except ValueError:
        raise UnusableCredentials(CREDENTIALS_VARIABLE, "it is no valid JSON", required) from None
    if not isinstance(content, dict):
        raise UnusableCredentials(CREDENTIALS_VARIABLE, "it is no JSON object", required)
    return content


def _safe(name: str) -> str:
    """An option's name; a word that looks like no name is not repeated, it may be a secret."""
    return name if name.isidentifier() and len(name) <= 32 else "an unreadable name"  # noqa: PLR2004
