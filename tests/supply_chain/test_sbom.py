"""Each image's bill of materials names what its lock names."""

from __future__ import annotations

import json
from functools import cache

import pytest

import locks
import sbom


@cache
def bill(image: str) -> str:
    return sbom.bill(image)


@pytest.mark.slow
@pytest.mark.parametrize("image", sorted(sbom.IMAGES))
def test_a_bill_is_that_of_the_lock(image: str) -> None:
    """Every package once a version, with hashes and a licence."""
    components = json.loads(bill(image))["components"]
    pinned = locks.packages(sbom.IMAGES[image])
    expected = [f"{name}=={version}" for name in pinned for version in pinned[name]]
    assert sorted(one["bom-ref"] for one in components) == sorted(expected)
    for one in components:
        assert one["externalReferences"][0]["hashes"]
        assert one["licenses"][0]["expression"] != "UNKNOWN"


@pytest.mark.slow
def test_a_bill_is_the_same_each_time_and_valid() -> None:
    """By the schema of CycloneDX that it names."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert sbom.bill("api") == bill("api")
    version = SchemaVersion.from_version(json.loads(bill("api"))["specVersion"])
    assert JsonStrictValidator(version).validate_str(bill("api")) is None
