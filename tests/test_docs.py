"""The documents hold what the code says: whatever a user can set, type, send, read or meet is on a page, examples are
right, links lead somewhere, and tests that are named exist."""

import ast
import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from deliverability.bounces.classify import BounceClass
from engine import config
from engine.control import acts
from engine.faults import ConfigFaults
from engine.flow.definition import Definition, check
from engine.flow.entering import Bar
from engine.flow.known import Known
from engine.flow.vocabulary import VOCABULARY
from engine.intake.headers import NAMES
from engine.intake.schema import ORDER_STATES, PARCEL_STATES
from engine.reasons.words import Word
from engine.sending.refusals import Refusal
from engine.sending.resources import Resources
from engine.sending.settings import MailSettings
from engine.store import tables as engine_tables
from mta.queue import tables as queue_tables
from mta.queue.delivery import State

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
MAILS = {Path(name).name.removesuffix(".html.j2") for name in Resources().names("mail", ".html.j2")}


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def in_backquotes(text: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", text))


def column(text: str, heading: str) -> set[str]:
    """What stands in backquotes in the first column of the tables under a heading."""
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| ([^|]*) \|", section, re.MULTILINE)
    return {name for cell in cells for name in in_backquotes(cell)}


# -- what the code writes itself


def test_settings_commands_and_events_are_as_the_code_says() -> None:
    assert generator().stale() == [], "run docs/generate.py"


@pytest.mark.parametrize("name", sorted(VOCABULARY))
def test_every_event_is_on_the_page(name: str) -> None:
    assert f"| `{name}` |" in page("docs/events.md")


# -- the log


def log_words() -> Iterator[tuple[str, str]]:
    """Every text that is logged, and where: the first argument of log.info and the like."""
    for package in ("engine", "mta"):
        for file in (ROOT / package).rglob("*.py"):
            if "lab" in file.parts or "scene" in file.parts:
                continue
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                on = node.func.value
                if isinstance(on, ast.Name) and on.id == "log" and node.args and isinstance(node.args[0], ast.Constant):
                    yield str(node.args[0].value), str(file.relative_to(ROOT))


def test_every_line_of_the_log_is_on_the_page() -> None:
    words = column(page("docs/administration.md"), "The log")
    said = {text.replace("%s", "..."): file for text, file in log_words()}
    assert {text: file for text, file in said.items() if text not in words} == {}
    assert words - set(said) == set()


# -- doors


def test_every_endpoint_of_the_control_socket_is_on_the_page() -> None:
    text = page("docs/control.md")
    source = page("engine/control/server.py")
    routes = re.findall(r'web\.(get|post)\("(/v1/[^"]*)"', source)
    questions = {f"{verb.upper()} {re.sub(':[^}]*', '', path)}" for verb, path in routes if verb == "get"}
    assert column(text, "Questions") >= questions
    assert column(text, "Commands") == set(acts.ACTS)


def test_every_public_page_is_on_the_page() -> None:
    modules = (file.read_text("utf-8") for file in (ROOT / "engine" / "web").glob("*.py"))
    routes = re.findall(r'router\.add_(get|post)\("([^"]+)"', "".join(modules))
    text = page("docs/web.md") + page("docs/api.md") + page("docs/administration.md")
    assert routes
    for verb, path in routes:
        assert f"| `{verb.upper()} {path}` |" in text


def test_every_header_field_of_ours_is_on_the_page() -> None:
    fields = {name.partition(":")[0] for name in column(page("docs/applications.md"), "Say more in the header")}
    assert {f"X-Posthouse-{name}" for name in NAMES} <= fields


def test_what_is_read_out_of_json_ld_is_on_the_page() -> None:
    words = in_backquotes(page("docs/applications.md"))
    assert {*ORDER_STATES.values(), *PARCEL_STATES.values()} <= words


# -- flows


def test_every_key_of_a_flow_file_is_on_the_page() -> None:
    from engine.flow.words import FLOW, STEP

    text = page("docs/flows.md")
    assert column(text, "The file") >= set(FLOW.keys)
    assert all(f"| `- {word}" in text for word in STEP)


@pytest.mark.parametrize("example", blocks(page("docs/flows.md"), "yaml"))
def test_flow_examples_are_flows(example: str) -> None:
    assert isinstance(check(example, "example.yaml", Known(templates=MAILS)), Definition)


def test_the_refusals_shown_are_the_ones_given() -> None:
    wrong = """\
name: cart
title: Cart
stream: marketing
trigger:
  event: order.place
  where: event.total > = 20
steps:
  - wait: 1h
  - send: [cart-reminder]
"""
    found = check(wrong, "cart.yaml", Known(templates=MAILS))
    assert isinstance(found, list)
    shown = re.findall(r"^cart\.yaml:.*$", page("docs/flows.md"), re.MULTILINE)
    assert len(shown) == len(found)
    for line, fault in zip(shown, found, strict=True):
        assert str(fault).startswith(line.removesuffix(" ..."))


def test_every_reason_for_not_writing_is_on_a_page() -> None:
    for name in ("docs/flows.md", "docs/administration.md"):
        assert {str(reason) for reason in Refusal} <= in_backquotes(page(name)), name


def test_every_word_of_why_not_is_on_its_page() -> None:
    assert column(page("docs/reasons.md"), "The words") == {str(word) for word in (*Word, *Bar)}


# -- configuration


@pytest.mark.parametrize("name", ["docs/administration.md", "docs/arbiter.md", "docs/flows.md", "docs/lab.md"])
def test_configuration_examples_are_settings(name: str) -> None:
    tops = set(config.Config.model_fields)
    for example in blocks(page(name), "toml"):
        if set(tomllib.loads(example)) <= tops and "[mail." not in example:  # a mail's words
            config.parse(example)


def test_the_faults_shown_are_the_ones_found() -> None:
    wrong = (
        'hostname = "a.example"\n\n[queue]\nexpire_transactional = "5 dyas"\n\n[routing]\nsmarthost = "relay.example"\n'
    )
    with pytest.raises(ConfigFaults) as caught:
        config.parse(wrong)
    shown = re.findall(r"^posthouse\.toml:\d+: .*$", page("docs/configuration.md"), re.MULTILINE)
    assert [str(each) for each in caught.value.faults] == shown


def test_the_first_message_s_configuration_is_right() -> None:
    lines = re.search(r"^printf '%s\\n' (.*?) > var/posthouse\.toml$", page("README.md"), re.MULTILINE | re.DOTALL)
    assert lines is not None
    parsed = config.parse("\n".join(re.findall(r"'([^']*)'", lines[1])))
    assert parsed.routing.transport == {"*": "127.0.0.1:2600"}


# -- how it is built


def test_every_state_and_every_table_is_in_the_architecture() -> None:
    text = page("ARCHITECTURE.md")
    states = text.partition("## The life of a delivery")[2].partition("\n## ")[0]
    assert all(re.search(rf"\|.*\b{state.word}\b.*\|", states) for state in State)
    tables = {each._meta.table_name for each in (*queue_tables.TABLES, *engine_tables.TABLES)}
    assert column(text, "Tables") == tables


def test_every_contract_is_in_the_architecture() -> None:
    text = page("ARCHITECTURE.md")
    for contract in PYPROJECT["tool"]["importlinter"]["contracts"]:
        assert f"*{contract['name']}*" in text


def test_every_decision_is_dated() -> None:
    decisions = page("ARCHITECTURE.md").partition("## Decisions\n")[2].strip().split("\n\n")
    assert all(re.match(r"\*\*\d{4}-\d\d-\d\d\. ", each) for each in decisions)


def test_every_bounce_class_is_on_the_page() -> None:
    section = page("docs/administration.md").partition("## What a bounce means\n")[2]
    cells = {word.strip() for row in re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE) for word in row.split(",")}
    assert {str(each) for each in BounceClass} <= cells


def test_every_migration_is_in_the_changelog() -> None:
    text = page("CHANGELOG.md")
    for file in (ROOT / "engine" / "store" / "migrations").glob("[0-9]*.py"):
        assert f"`{file.stem}`" in text


# -- every page


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_links_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", file.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        found = file.parent / path if path else file
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}, target


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_tests_and_files_that_are_named_exist(file: Path) -> None:
    last = ""
    for path, name in re.findall(r"`(tests/[\w/]+\.py)?(?:::(test_\w+))?`", file.read_text("utf-8")):
        last = path or last
        if last and (path or name):
            assert (ROOT / last).exists(), last
            assert not name or f"def {name}(" in page(last), f"{last}::{name}"


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_commands_that_are_named_exist(file: Path) -> None:
    from engine.commands import MODULES

    for language in ("sh", ""):
        for block in blocks(file.read_text("utf-8"), language):
            for word in re.findall(r"^(?:sudo -u posthouse )?posthouse ([a-z]\S*)", block, re.MULTILINE):
                assert word in MODULES, word


def test_targets_that_are_named_are_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", page("Makefile"), re.MULTILINE))
    named = {word for file in PAGES for word in re.findall(r"\bmake ([a-z]+)\b", _code(file.read_text("utf-8")))}
    assert named <= targets


def test_python_examples_compile() -> None:
    for file in PAGES:
        for example in blocks(file.read_text("utf-8"), "python"):
            compile(example, file.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_the_example_configuration_is_right() -> None:
    settings = config.load(ROOT / "systemd" / "posthouse.toml")
    assert settings.database_place == Path("/var/lib/posthouse/posthouse.db")
    assert settings.mail.sender != MailSettings().sender  # "from" was read


def test_the_generator_says_what_is_stale(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    made = generator()
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    monkeypatch.setitem(made.PAGES, "events.md", lambda: "another page")
    assert made.main() == 1
    assert "docs/events.md is out of date" in capsys.readouterr().out


def _code(text: str) -> str:
    """What stands in code: blocks, and backquotes."""
    return "\n".join([*re.findall(r"```.*?```", text, re.DOTALL), *in_backquotes(text)])
