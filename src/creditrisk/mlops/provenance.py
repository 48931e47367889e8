"""What a model was made with: source content, library versions, commit."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

# What makes a model out of a feature table. All are deps of fit_model in dvc.yaml, or a bundle from
# DVC's cache and one made anew from the same commit would differ.
MODEL_SOURCE_PACKAGES = ("contracts", "core", "features", "mlops", "models")
MODEL_SOURCE_MODULES = ("pipelines/command.py", "pipelines/train_creditrisk_pd.py")
_COMMON_LIBRARIES = ("numpy", "pandas", "pyarrow", "pydantic", "scikit-learn", "skops")
_MODEL_LIBRARIES = {
    "lightgbm": ("lightgbm",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "scorecard": ("optbinning", "ortools"),
}


def source_sha256() -> str:
    """SHA-256 over the names and contents of the source files that fitting a model runs."""
    root = Path(str(files("creditrisk")))
    paths = [root / module for module in MODEL_SOURCE_MODULES]
    for package in MODEL_SOURCE_PACKAGES:
        paths += [path for path in (root / package).rglob("*") if _is_source(path)]
    return _sha256_of_sources(root, paths)


def package_sha256(root: Path) -> str:
    """SHA-256 over the names and contents of all source files under `root`."""
    return _sha256_of_sources(root, filter(_is_source, root.rglob("*")))


def library_versions(model_type: str) -> dict[str, str]:
    """The installed versions of the libraries that can change a score, by distribution name."""
    names = [*_COMMON_LIBRARIES, *_MODEL_LIBRARIES.get(model_type, ())]
    versions = {name: _version(name) for name in sorted(names)}
    return {name: found for name, found in versions.items() if found}


def git_commit() -> str:
    """The commit that is checked out here, 'unknown' outside a git checkout."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    command = [git, "rev-parse", "--verify", "HEAD"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    return answer.stdout.strip() if answer.returncode == 0 else "unknown"


def _sha256_of_sources(root: Path, paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
