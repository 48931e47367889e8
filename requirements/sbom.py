"""Write the bill of materials of both images: CycloneDX, from their locks, the same each time."""

from __future__ import annotations

import json
import subprocess
import sys

from licences import licence_of
from locks import FOLDER, normalised

TARGET = FOLDER.parent / "reports/sbom"
IMAGES = {"api": "serve", "batch": "batch"}


def bill(image: str) -> str:
    """The bill of one image's packages: versions, hashes of their files, licences."""
    lock = FOLDER / f"{IMAGES[image]}.lock"
    words = ["requirements", str(lock), "--output-reproducible", "--output-format", "JSON"]
    made = subprocess.run(  # noqa: S603 - a tool of this environment
        [sys.executable, "-m", "cyclonedx_py", *words], capture_output=True, text=True, check=True
    )
    content = json.loads(made.stdout)
    content["metadata"]["component"] = {
        "bom-ref": f"creditrisk-{image}",
        "name": f"creditrisk-{image}",
        "type": "container",
    }
    content["components"] = _each_once(content["components"])
    content["dependencies"] = [
        {"ref": one["bom-ref"]}
        for one in sorted(content["components"], key=lambda one: str(one["bom-ref"]))
    ]
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def _each_once(components: list[dict[str, object]]) -> list[dict[str, object]]:
    """By package and version; a lock names a package with an extra twice."""
    found: dict[str, dict[str, object]] = {}
    for component in components:
        name, version = normalised(str(component["name"])), component["version"]
        expression, _ = licence_of(name)
        found[f"{name}=={version}"] = component | {
            "bom-ref": f"{name}=={version}",
            "description": f"{name} {version}",
            "licenses": [{"expression": expression}],
        }
    return [found[key] for key in sorted(found)]


if __name__ == "__main__":
    TARGET.mkdir(parents=True, exist_ok=True)
    for name in IMAGES:
        (TARGET / f"{name}.json").write_text(bill(name), encoding="utf-8")
        sys.stdout.write(f"{TARGET.relative_to(FOLDER.parent) / name}.json\n")
