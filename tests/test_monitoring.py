"""The alerts and the dashboard that come with Posthouse: they ask only for what is served, and each alert is documented."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from engine.control.observing.catalogue import METRICS
from engine.control.observing.health import WORDS
from engine.control.protocol.health import STATES

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "monitoring"
RULES = FOLDER / "posthouse.rules.yaml"
PAGE = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
LABELS = {
    suffixed: {*each.labels, "instance", "job", "le"}
    for each in METRICS
    for suffixed in (each.name, *(f"{each.name}_{part}" for part in ("bucket", "sum", "count") if each.kind == "histogram"))
}  # fmt: skip
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana.json").read_text("utf-8"))


def rules() -> list[dict[str, Any]]:
    [group] = YAML(typ="safe").load(RULES)["groups"]
    return list(group["rules"])


def panels() -> list[dict[str, Any]]:
    return [each for each in DASHBOARD["panels"] if each["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    yield from ((each["alert"], each["expr"]) for each in rules())
    yield from ((each["title"], target["expr"]) for each in panels() for target in each["targets"])
    yield from ((each["name"], each["expr"]) for each in DASHBOARD["annotations"]["list"])


@pytest.mark.parametrize(("where", "expression"), list(expressions()), ids=lambda value: value[:40])
def test_an_expression_asks_only_for_metrics_and_labels_that_there_are(where: str, expression: str) -> None:
    found = re.findall(r"\b(posthouse_[a-z_]+)(?:\{([^}]*)\})?", expression)
    assert found, where
    for name, labels in found:
        assert name in LABELS, name
        assert set(re.findall(r"([a-z]+)[=!]", labels)) <= LABELS[name], labels
    grouped = {word.strip() for names in re.findall(r"\bby \(([^)]*)\)", expression) for word in names.split(",")}
    assert grouped <= set().union(*(LABELS[name] for name, _ in found))


def test_every_metric_of_kind_counter_is_asked_for_as_a_change_and_no_gauge_is() -> None:
    kinds = {each.name: each.kind for each in METRICS}
    for where, expression in expressions():
        for name in re.findall(r"\b(posthouse_[a-z_]+)(?:\{[^}]*\})?\[", expression):
            is_trend = "predict_linear" in expression or "changes(" in expression
            assert is_trend or kinds.get(name, "counter") == "counter", where
        for name in re.findall(r"\b(posthouse_[a-z_]+_total)(?:\{[^}]*\})?(?!\[)(?![a-z_{])", expression):
            assert f"{name}" in kinds and re.search(rf"{name}(\{{[^}}]*\}})?\[", expression), where


def test_every_alert_says_how_grave_it_is_what_it_is_and_what_to_do_and_is_on_the_page() -> None:
    named = {each["alert"]: each for each in rules()}
    assert len(named) == len(rules())
    for name, each in named.items():
        assert each["labels"]["severity"] in ("warning", "critical")
        assert set(each["annotations"]) == {"summary", "description"}
        assert f"| `{name}` | {each['labels']['severity']} |" in PAGE, name
    assert set(re.findall(r"^\| `(Posthouse\w+)`", PAGE, re.MULTILINE)) == set(named)


def test_every_reason_of_health_is_on_the_page_with_its_states() -> None:
    assert set(re.findall(r"^\| `([a-z]+)` \|", PAGE, re.MULTILINE)) == set(WORDS)
    for place, state in enumerate(STATES):
        assert f"| {state} | {place} |" in PAGE


def test_the_dashboard_is_whole_and_nothing_lies_on_something_else() -> None:
    numbers = [each["id"] for each in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    taken: set[tuple[int, int]] = set()
    for each in DASHBOARD["panels"]:
        at = each["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, each["title"]
        taken |= cells


@pytest.mark.peer("promtool")
def test_promtool_takes_the_rules() -> None:
    done = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.peer("promtool")
def test_promtool_takes_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    """Grafana puts its own words in before it asks; what stands for them here is of their kind."""
    spans = {"$__rate_interval": "5m", "$__range": "1h", "$__interval": "1m"}
    asked = [each for _, each in expressions()]
    for word, span in spans.items():
        asked = [each.replace(word, span) for each in asked]
    asked = [re.sub(r"\$\{?\w+\}?", "x", each) for each in asked]
    file = tmp_path / "dashboard.yaml"
    rows = [{"record": f"r{number}", "expr": each} for number, each in enumerate(asked)]
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rows}]}))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
