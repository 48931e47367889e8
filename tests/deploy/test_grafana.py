"""Grafana's dashboard shows what there is, from whichever Prometheus is chosen."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from exposed import exposed_metrics, named_metrics

FOLDER = Path(__file__).parents[2] / "deploy/grafana"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "creditrisk.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel.get("targets", [])]


def test_each_metric_that_is_shown_exists() -> None:
    """No panel stays empty for want of its metric, and every metric is shown somewhere."""
    shown = {name for expression in EXPRESSIONS for name in named_metrics(expression)}
    assert shown <= exposed_metrics()
    families = {name.rpartition("_")[0] for name in shown} | shown
    histogram_parts = ("_bucket", "_count", "_sum")
    unseen = {
        name
        for name in exposed_metrics() - shown
        if not (name.endswith(histogram_parts) and name.rpartition("_")[0] in families)
    }
    assert not unseen


def test_panels_have_ids_of_their_own() -> None:
    """Grafana tells panels by their ids."""
    ids = [panel["id"] for panel in PANELS]
    assert len(ids) == len(set(ids))


def test_the_data_source_is_a_variable() -> None:
    """A dashboard that names one installation's data source works in no other."""
    assert [one["type"] for one in DASHBOARD["templating"]["list"]] == ["datasource"]
    shown = [panel for panel in PANELS if panel["type"] != "row"]
    sources = {panel["datasource"]["uid"] for panel in shown}
    sources |= {target["datasource"]["uid"] for panel in shown for target in panel["targets"]}
    assert sources == {"${datasource}"}


def test_panels_do_not_overlap() -> None:
    """Each place of the grid is taken once."""
    taken = [
        (x, y)
        for panel in PANELS
        for grid in [panel["gridPos"]]
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(taken) == len(set(taken))


@pytest.mark.external
@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool")
def test_each_expression_is_valid(tmp_path: Path) -> None:
    """Prometheus can parse what each panel asks; Grafana fills in its interval."""
    rules = [
        {"record": f"panel:{place}", "expr": expression.replace("$__rate_interval", "5m")}
        for place, expression in enumerate(EXPRESSIONS)
    ]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    command = [shutil.which("promtool") or "", "check", "rules", str(path)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr


def test_provisioning_is_readable() -> None:
    """Both provisioning files are YAML of version 1."""
    files = sorted(FOLDER.glob("provisioning/*/*.yml"))
    assert len(files) == 2
    assert all(yaml.safe_load(path.read_text())["apiVersion"] == 1 for path in files)
