"""The manual of flows: every word has its page, and every example is a flow, to `check` and to an editor alike."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft7Validator, ValidationError
from ruamel.yaml import YAML

from engine.flow.days import WEEKDAYS
from engine.flow.definition import Definition, check
from engine.flow.festivals import FESTIVALS
from engine.flow.known import Known
from engine.flow.schema import flow_schema, yaml_11
from engine.flow.words import STEP, TRIGGER
from engine.sending.checking import mail_names
from engine.sending.resources import Resources

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "flows"
HEAD = "name: an-example\nstream: marketing\ntrigger: {event: order.placed}\nsteps:\n"


def examples() -> Iterator[tuple[str, str]]:
    """Every YAML example of the manual; steps alone are put into a flow."""
    for file in [ROOT / "docs" / "flows.md", *sorted(PAGES.glob("*.md"))]:
        for text in re.findall(r"^```yaml\n(.*?)^```", file.read_text("utf-8"), re.MULTILINE | re.DOTALL):
            yield file.name, HEAD + text if text.startswith("- ") else text


EXAMPLES = list(examples())


@pytest.mark.parametrize(("page", "text"), EXAMPLES, ids=[f"{page}-{n}" for n, (page, _) in enumerate(EXAMPLES)])
def test_an_example_is_a_flow_to_check_and_to_an_editor(page: str, text: str) -> None:
    found = check(text, page, Known(templates=mail_names(Resources())))
    assert isinstance(found, Definition), [str(fault) for fault in found]
    Draft7Validator(flow_schema()).validate(YAML(typ="safe", pure=True).load(text))


@pytest.mark.parametrize(("page", "text"), EXAMPLES, ids=[f"{page}-{n}" for n, (page, _) in enumerate(EXAMPLES)])
def test_an_example_is_a_flow_to_a_tool_that_reads_yaml_1_1(page: str, text: str) -> None:
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 1)
    Draft7Validator(yaml_11(flow_schema())).validate(reader.load(text))


def test_yaml_1_1_is_why_there_is_another_schema() -> None:
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 1)
    found = reader.load(
        HEAD + "- wait: {until: 10:00, on: [mon]}\n- notify: {to: a@b.example, text: hi}\ntracking: off\n"
    )
    assert found["steps"][0] == {"wait": {"until": 600, True: ["mon"]}} and found["tracking"] is False
    Draft7Validator(yaml_11(flow_schema())).validate(found)
    with pytest.raises(ValidationError):
        Draft7Validator(flow_schema()).validate(found)
    found["steps"][0]["wait"]["skpi"] = "holidays"
    with pytest.raises(ValidationError):
        Draft7Validator(yaml_11(flow_schema())).validate(found)


def test_every_word_has_its_page_with_an_example() -> None:
    pages = {page.removesuffix(".md") for page, _ in EXAMPLES}
    assert pages >= {f"trigger-{word}" for word in TRIGGER.kinds}
    assert pages >= set(STEP) - {"wait", "untag"}
    assert pages >= {f"wait-{word}" for word in ("duration", "until", "between", "date", "for")}


def test_every_page_is_found_from_the_first_one() -> None:
    linked = set(re.findall(r"\]\((?:flows/)?([\w-]+\.md)", (ROOT / "docs" / "flows.md").read_text("utf-8")))
    for file in PAGES.glob("*.md"):
        linked |= set(re.findall(r"\]\(([\w-]+\.md)", file.read_text("utf-8")))
    assert {file.name for file in PAGES.glob("*.md")} <= linked


def test_every_holiday_and_weekday_is_on_its_page() -> None:
    calendar = (PAGES / "trigger-calendar.md").read_text("utf-8")
    assert all(f"`{name}`" in calendar for name in FESTIVALS)
    assert all(f"`{day}`" in (PAGES / "wait-until.md").read_text("utf-8") for day in WEEKDAYS)
    late = (PAGES / "late.md").read_text("utf-8")
    assert all(f"| `{do}` |" in late for do in ("skip", "send", "ask"))
