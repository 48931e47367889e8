"""The command that summarises a delivery."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from creditrisk.mlops.registry import RegistryPromotion
from creditrisk.pipelines.summarise_delivery import main

if TYPE_CHECKING:
    import pytest


def test_without_reports_nothing_was_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each step of an empty run is told as not done."""
    main(reports=tmp_path)
    rows = [line for line in capsys.readouterr().out.splitlines() if "tmp" in line]
    assert rows
    assert all(row.split(" | ")[1].startswith("not ") for row in rows)
    assert any("not deployed" in row for row in rows)


def test_pushed_images_are_named_by_digest(tmp_path: Path) -> None:
    """The page says by which digest each image is to be had, as push.sh wrote it."""
    images = [
        f'{{"name": "creditrisk-{name}", "reference": "host/creditrisk-{name}@sha256:1", '
        '"digest": "sha256:1", "tag": "t", "revision": "r", "bytes": 5}'
        for name in ("api", "batch")
    ]
    (tmp_path / "images.json").write_text(f'{{"images": [{", ".join(images)}]}}')
    main(reports=tmp_path, out=(page := tmp_path / "page.md"))
    assert "pushed host/creditrisk-api@sha256:1, host/creditrisk-batch@sha256:1" in page.read_text()


def test_it_is_added_to_what_the_page_holds(tmp_path: Path) -> None:
    """Other steps' words on the run's page stay, and a report's decision follows."""
    (page := tmp_path / "page.md").write_text("before\n")
    RegistryPromotion(
        model_name="CreditRiskPD",
        decision="registered",
        reason="it ranks",
        metric="roc_auc",
        value=0.8,
        bar=0.7,
        bundle_sha256="0" * 64,
        run_id="1",
        version="1",
        alias="candidate",
        validated=True,
    ).write(tmp_path / "registry_promotion.json")
    main(reports=tmp_path, out=page)
    assert page.read_text().startswith("before\n## Delivery\n")
    assert "| Registration | registered: it ranks |" in page.read_text()
