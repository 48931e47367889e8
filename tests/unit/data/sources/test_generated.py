"""A generated file names the generator, never a path of this machine."""

from __future__ import annotations

from pathlib import Path

from creditrisk.data.sources.generated import GeneratedObject


def test_the_address_is_the_same_wherever_it_was_written(tmp_path: Path) -> None:
    """Two runs in two folders give one summary."""
    path = tmp_path / "bureau.csv"
    path.write_text("A\n")
    generated = GeneratedObject(path)
    assert generated.location.shown == "synthetic://bureau.csv"
    assert (generated.location.kind, generated.location.name) == ("synthetic", "bureau.csv")
    assert generated.size == 2
    assert generated.materialise(tmp_path / "unused", lambda _: None) == path
