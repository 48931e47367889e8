"""Brings a sealed model to where it answers: out of a folder, an object store or the registry.

Nothing is kept of a bundle whose hashes are not the required ones.
"""

from __future__ import annotations

import hashlib
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from creditrisk.core.errors import CreditRiskError, MissingFile, Misuse
from creditrisk.core.files import atomic_folder
from creditrisk.mlops.bundle import MANIFEST_FILE, Bundle, listed_files
from creditrisk.mlops.errors import BundleRefused
from creditrisk.mlops.versions import NotRegistered, RegisteredVersion, fetch_bundle, standing

SOURCE_VARIABLE = "CREDITRISK_BUNDLE_SOURCE"
SHA256_VARIABLE = "CREDITRISK_BUNDLE_SHA256"
_REGISTRY = "models:/"
_REGISTERED = re.compile(r"models:/(?P<name>[^@/]+)(?:@(?P<alias>[^@/]+)|/(?P<version>\d+))")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class UnusableBundleSource(Misuse):
    """A source or a hash is not of the form that can be fetched by."""

    def __init__(self, seen: str, required: str) -> None:
        super().__init__(f"No bundle fetched: {seen!r} was given, required is {required}.")


class BundleSourceUnavailable(CreditRiskError):
    """A source does not hold a bundle, or cannot be reached."""

    def __init__(self, source: str, reason: str) -> None:
        for secret in _secrets(source):
            reason = reason.replace(secret, "***")
        super().__init__(f"No bundle fetched from {shown(source)}: {reason}")


class TamperedBundle(CreditRiskError):
    """A source holds another file than the required one."""

    def __init__(self, source: str, name: str, seen: str, required: str) -> None:
        super().__init__(
            f"Bundle {shown(source)} refused: SHA-256 of {name} is {seen[:12]}..., required is "
            f"{required[:12]}... Nothing of it was kept."
        )


def fetch(source: str, folder: Path, required: str | None) -> Bundle:
    """Have a bundle in a folder; the folder appears, or changes, only once every hash agrees.

    Args:
        source: a folder; an address that fsspec knows (s3://bucket/prefix); models:/NAME@ALIAS or
            models:/NAME/VERSION.
        folder: where it shall lie; a bundle of the required hash that is there already stays.
        required: the bundle's SHA-256. None leaves the word to the registry, and is refused for
            any other source.

    Raises:
        UnusableBundleSource, BundleSourceUnavailable, TamperedBundle, BundleRefused: see there.
        NotRegistered, RegisteredBundleUnavailable, TrackingUnavailable: the registry's.
    """
    if required is not None and not _SHA256.fullmatch(required):
        raise UnusableBundleSource(required, "a SHA-256 of 64 hexadecimal digits in lower case")
    if required and (present := _present(folder, required)):
        return present
    if source.startswith(_REGISTRY):
        return _from_registry(source, folder, required)
    if required is None:
        raise UnusableBundleSource(shown(source), "the bundle's SHA-256 beside it")
    return _from_store(source, folder, required)


def shown(source: str) -> str:
    """A source without user, password, query and fragment."""
    if "://" not in source:
        return source
    parts = urlsplit(source)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _secrets(source: str) -> list[str]:
    """What `shown` leaves out, for messages of libraries that quote the address."""
    parts = urlsplit(source if "://" in source else "")
    return [part for part in (parts.netloc.rpartition("@")[0], parts.query, parts.fragment) if part]


def _present(folder: Path, required: str) -> Bundle | None:
    try:
        bundle = Bundle.load(folder)
    except (MissingFile, BundleRefused):
        return None
    return bundle if bundle.sha256 == required else None


def _from_store(source: str, folder: Path, required: str) -> Bundle:
    filesystem, root = _opened(source)
    manifest = _verified(filesystem, root, source, MANIFEST_FILE, required)
    files = listed_files(folder, manifest)
    with atomic_folder(folder) as temporary:
        for name, digest in files.items():
            content = _verified(filesystem, root, source, name, digest)
            (temporary / name).write_bytes(content)
        (temporary / MANIFEST_FILE).write_bytes(manifest)
    return Bundle.load(folder)


def _opened(source: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    try:
        filesystem, root = url_to_fs(source, skip_instance_cache=True, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise UnusableBundleSource(
            shown(source), f"a scheme whose package is installed ({error})"
        ) from error
    return filesystem, str(root).rstrip("/")


def _verified(filesystem: Any, root: str, source: str, name: str, required: str) -> bytes:
    try:
        content = bytes(filesystem.cat_file(f"{root}/{name}"))
    except Exception as error:  # each store raises errors of its own library
        reason = f"{name} cannot be read ({type(error).__name__}: {error})"
        raise BundleSourceUnavailable(source, reason) from error
    seen = hashlib.sha256(content).hexdigest()
    if seen != required:
        raise TamperedBundle(source, name, seen, required)
    return content


def _from_registry(source: str, folder: Path, required: str | None) -> Bundle:
    if not (named := _REGISTERED.fullmatch(source)):
        raise UnusableBundleSource(source, "models:/NAME@ALIAS or models:/NAME/VERSION")
    if find_spec("mlflow") is None:
        raise BundleSourceUnavailable(
            source, "MLflow is not installed here. Fetch it with the batch image into a volume."
        )
    version = _registered(named)
    if required and version.bundle_sha256 != required:
        raise TamperedBundle(source, MANIFEST_FILE, version.bundle_sha256, required)
    return fetch_bundle(named["name"], version, folder)


def _registered(named: re.Match[str]) -> RegisteredVersion:
    now = standing(named["name"])
    if named["version"]:
        return now.version(named["version"])
    found = next((each for each in now.versions if named["alias"] in each.aliases), None)
    if found is None:
        raise NotRegistered(named["name"], f"alias {named['alias']}")
    return found
