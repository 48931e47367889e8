"""The bundle in S3, from where the tasks fetch it: under its SHA-256, so it is written once."""

from __future__ import annotations

import base64
from pathlib import Path

from creditrisk.core.files import sha256_of
from creditrisk.deploy.amazon import Amazon
from creditrisk.deploy.errors import AmazonRefused, OtherBundle
from creditrisk.deploy.target import EcsTarget
from creditrisk.mlops.bundle import Bundle

_MANIFEST = "manifest.json"
_THERE_ALREADY = {"PreconditionFailed", "412"}


def upload(amazon: Amazon, target: EcsTarget, folder: Path, bundle_sha256: str) -> int:
    """Put the files of a bundle that are not there yet; the manifest last. Gives their number.

    S3 compares each with its SHA-256; the tasks compare all of them once more.

    Raises:
        MissingFile, BundleRefused, OtherBundle: the folder does not hold that bundle.
        AmazonRefused: S3 did not take it.
    """
    bundle = Bundle.load(folder)
    if bundle.sha256 != bundle_sha256:
        raise OtherBundle(str(folder), bundle.sha256, bundle_sha256)
    names = [*sorted(bundle.manifest.files), _MANIFEST]
    for name in names:
        _put(amazon, target, folder / name, f"bundles/{bundle_sha256}/{name}")
    return len(names)


def _put(amazon: Amazon, target: EcsTarget, path: Path, key: str) -> None:
    digest = base64.b64encode(bytes.fromhex(sha256_of(path))).decode()
    try:
        amazon.call(
            "s3",
            "put_object",
            Bucket=target.state_bucket,
            Key=key,
            Body=path.read_bytes(),
            ChecksumSHA256=digest,
            IfNoneMatch="*",
        )
    except AmazonRefused as error:
        if error.code not in _THERE_ALREADY:
            raise
