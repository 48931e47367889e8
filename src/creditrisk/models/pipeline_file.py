"""The sklearn Pipeline as a skops file: the same bytes for the same model, no type on faith."""

from __future__ import annotations

import io
import json
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from creditrisk.models.errors import UntrustedPipeline

# Everything that a file may hold beyond plain values and what skops itself trusts in sklearn.
TRUSTED_TYPES = [
    "creditrisk.models.estimators.FeatureEncoder",
    "creditrisk.models.estimators.LightGBMClassifier",
    "creditrisk.models.estimators.LogisticClassifier",
    "creditrisk.models.estimators.ScorecardClassifier",
    "creditrisk.models.estimators.XGBoostClassifier",
]
_SCHEMA = "schema.json"
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_READABLE = 0o644 << 16


def dump_pipeline(pipeline: Any) -> bytes:
    """The pipeline as the content of a skops file."""
    from skops import io as skops_io

    return _normalised(skops_io.dumps(pipeline))


def load_pipeline(content: bytes) -> Any:
    """Read a pipeline from a skops file's content; verify the file's hash before.

    Raises:
        UntrustedPipeline: it holds a type that is not listed here; nothing was constructed.
    """
    from skops import io as skops_io

    unknown = sorted(set(skops_io.get_untrusted_types(data=content)) - set(TRUSTED_TYPES))
    if unknown:
        raise UntrustedPipeline(unknown)
    return skops_io.loads(content, trusted=TRUSTED_TYPES)


def _normalised(content: bytes) -> bytes:
    """The same file without what differs from process to process.

    skops numbers objects by their memory address and stamps the time on each member.
    """
    with ZipFile(io.BytesIO(content)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    numbers: dict[int, int] = {}
    schema = _renumbered(json.loads(members.pop(_SCHEMA)), numbers)
    renamed = {f"{numbers[int(name.removesuffix('.npy'))]}.npy": members[name] for name in members}
    return _zipped(
        {_SCHEMA: json.dumps(schema, indent=1).encode(), **dict(sorted(renamed.items()))}
    )


def _renumbered(node: Any, numbers: dict[int, int]) -> Any:
    """The tree with its object ids, in order of appearance, as 1, 2, ..."""
    if isinstance(node, list):
        return [_renumbered(child, numbers) for child in node]
    if not isinstance(node, dict):
        return node
    return {key: _renumbered_entry(key, value, numbers) for key, value in node.items()}


def _renumbered_entry(key: str, value: Any, numbers: dict[int, int]) -> Any:
    if key == "__id__":
        return numbers.setdefault(value, len(numbers) + 1)
    if key == "file" and isinstance(value, str) and value.endswith(".npy"):
        number = numbers.setdefault(int(value.removesuffix(".npy")), len(numbers) + 1)
        return f"{number}.npy"
    return _renumbered(value, numbers)


def _zipped(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with ZipFile(target, "w", ZIP_STORED) as archive:
        for name, content in members.items():
            entry = ZipInfo(name, _ZIP_EPOCH)
            entry.create_system = _UNIX
            entry.external_attr = _READABLE
            archive.writestr(entry, content)
    return target.getvalue()
