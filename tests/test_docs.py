"""The documents hold what the code says: whatever a user can set, type, send, read or meet is on a page, examples are
right, links lead somewhere, and tests that are named exist."""

import ast
import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from deliverability.bounces.classify import BounceClass
from engine import config
from engine.commands.tree import of_operators
from engine.control import acts
from engine.control.places import PLACES
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
from engine.store import tables as engine_tables
from engine.web.openapi import document
from mta.queue import tables as queue_tables
from mta.queue.delivery import State

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
OPERATORS = of_operators()
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


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def log_words() -> Iterator[tuple[str, str]]:
    """Every text that is logged, and where: the first argument of log.info and the like."""
    for package in ("engine", "mta"):
        for file in (ROOT / package).rglob("*.py"):
            if "lab" in file.parts or "scene" in file.parts:
                continue
            for node in ast.walk(tree_of(file)):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                on = node.func.value
                if isinstance(on, ast.Name) and on.id == "log" and node.args and isinstance(node.args[0], ast.Constant):
                    yield str(node.args[0].value), str(file.relative_to(ROOT))


def test_every_line_of_the_log_is_on_the_page() -> None:
    words = column(page("docs/administration.md"), "The log")
    said = dict(log_words())
    assert {text: file for text, file in said.items() if text not in words} == {}
    assert words - set(said) == set()


# -- doors


def test_every_endpoint_of_the_control_socket_is_on_the_page() -> None:
    text = page("docs/control.md")
    own = {"GET /v1/hello", "GET /v1/overview", "GET /v1/stream"}
    assert column(text, "Questions") == own | {f"GET {re.sub(':[^}]*', '', path)}" for path in PLACES}
    assert column(text, "Commands") == set(acts.ACTS)


def test_every_public_page_is_on_the_page() -> None:
    modules = (file.read_text("utf-8") for file in (ROOT / "engine" / "web").glob("*.py"))
    routes = re.findall(r'router\.add_(get|post)\("([^"]+)"', "".join(modules))
    text = page("docs/web.md") + page("docs/api.md") + page("docs/administration.md")
    assert routes
    for verb, path in routes:
        assert f"| `{verb.upper()} {path}` |" in text


def test_every_door_for_applications_describes_itself() -> None:
    described = document("https://mail.shop.example")
    doors = re.findall(r'router\.add_post\(f?"(/v1/[^"]+)"', page("engine/web/api.py"))
    assert {re.sub(r"\{\{?(\w+)[^/]*", r"{\1}", each) for each in doors} == set(described["paths"])
    for name, schema in described["components"]["schemas"].items():
        if name != "Problem":
            assert [key for key, each in schema["properties"].items() if not each.get("description")] == [], name


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
    for name in ("docs/flows.md", "docs/troubleshooting.md"):
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


# -- troubles, refusals, neighbours


def said_in_code() -> set[str]:
    """Every text in the code, with `...` where a value is put in."""
    found = set()
    for package in ("deliverability", "mta", "engine", "tui"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(tree_of(file)):
                if isinstance(node, ast.JoinedStr):
                    found.add("".join(str(e.value) if isinstance(e, ast.Constant) else "..." for e in node.values))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return found


def test_messages_that_are_quoted_are_the_real_ones() -> None:
    rows = re.findall(r"^\| it says \|.*\n\| ?-+ ?\|.*\n((?:\|.*\n)+)", page("docs/troubleshooting.md"), re.MULTILINE)
    cells = re.findall(r"^\| ([^|]*) \|", "".join(rows), re.MULTILINE)
    quoted = {name for cell in cells for name in in_backquotes(cell)}
    assert len(quoted) > 40
    texts = "\n".join(said_in_code())
    assert [each for each in sorted(quoted) if each not in texts] == []


def test_every_test_that_the_threat_model_names_exists() -> None:
    said = re.findall(r"`([a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`", page("docs/security.md"))
    assert len(said) > 80
    gone = [
        f"{file}::{name}"
        for file, name in said
        if not re.search(rf"^(?:async )?def {name}\(", (ROOT / "tests" / file).read_text("utf-8"), re.MULTILINE)
    ]
    assert gone == []


def test_every_row_of_the_threat_model_names_a_test() -> None:
    rows = re.findall(
        r"^\| .* \|$", page("docs/security.md").partition("## Doors")[2].partition("## Secrets")[0], re.MULTILINE
    )
    threats = [row for row in rows if not row.startswith(("| threat |", "|--"))]
    assert len(threats) > 50
    assert [row for row in threats if "::test_" not in row] == []


def test_every_file_that_the_threat_model_names_exists() -> None:
    named = re.findall(r"`((?:deliverability|engine|mta|tui)/[a-z_/]+\.py)`", page("docs/security.md"))
    assert len(named) > 10
    assert [each for each in named if not (ROOT / each).exists()] == []


def test_every_refusal_of_a_submission_is_on_the_page() -> None:
    files = [
        *(ROOT / "mta" / "inbound").glob("*.py"),
        ROOT / "engine" / "accept.py",
        *(ROOT / "engine" / "intake").glob("*.py"),
    ]
    given = {
        found
        for file in files
        for found in re.findall(r"Reply\.of\(\s*([45]\d\d), \"([\d.]+)\"", file.read_text("utf-8"))
    }
    table = page("docs/applications.md").partition("### What the reply means\n")[2].partition("\n#")[0]
    said = {name for cell in re.findall(r"^\| ([^|]*) \|", table, re.MULTILINE) for name in in_backquotes(cell)}
    low, high = 500, 504  # what only a program's fault in speaking SMTP brings
    assert {"500", "504"} <= said
    assert len(given) > 20
    for code, enhanced in sorted(given):
        is_grammar = low <= int(code) <= high or (code == "503")
        assert is_grammar or code in said or f"{code} {enhanced}" in said, f"{code} {enhanced}"


def test_web_servers_are_told_to_pass_on_every_public_page() -> None:
    modules = (file.read_text("utf-8") for file in (ROOT / "engine" / "web").glob("*.py"))
    first = set(re.findall(r'router\.add_(?:get|post)\(f?"/([\w]+)/', "".join(modules)))
    text = page("docs/neighbours.md")
    nginx = re.search(r"location ~ \^/\(([\w|]+)\)/", text)
    caddy = re.search(r"@pages path (.*)", text)
    assert nginx is not None and caddy is not None
    assert set(nginx[1].split("|")) == first
    assert set(re.findall(r"/(\w+)/\*", caddy[1])) == first


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
            for word in re.findall(r"^(?:sudo (?:-u posthouse )?)?posthouse ([a-z]\S*)", block, re.MULTILINE):
                assert word in MODULES, word


def typed_commands(text: str) -> Iterator[list[str]]:
    """The words of each `posthouse ...` in blocks of the shell and in backquotes that names an option."""
    lines = [line for block in blocks(text, "sh") for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"^    (?:sudo (?:-u posthouse )?)?(posthouse [a-z].*)$", text, re.MULTILINE)
    lines += [
        each for each in in_backquotes(text) if re.match(r"(sudo (-u posthouse )?)?posthouse ", each) and " --" in each
    ]
    for line in lines:
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "X", line.partition(" #")[0])
        for words in re.findall(r"(?:^|[;&|] ?|sudo (?:-u posthouse )?)posthouse ([a-z][^;|&<>()]*)", bare):
            yield words.split()


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_commands_and_options_that_are_typed_exist(file: Path) -> None:
    for words in typed_commands(file.read_text("utf-8")):
        node = OPERATORS
        while words and (below := next((each for each in node.children if each.name == words[0]), None)) is not None:
            node, words = below, words[1:]
        known = {name for word in node.words for name in word.names} | {"--help"}
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert not node.text or not node.children
        if not node.text:
            assert options <= known, f"{node.path} {' '.join(words)}"
        assert node.is_runnable or not words or words[0].startswith(("-", "NAME", "...")), f"{node.path} {words[:1]}"


WITHOUT_A_SERVER = {
    "README.md",
    "walk.md",
    "deliverability.md",
    "performance.md",
    "lab.md",
    "extractors.md",
    "commands.md",
    "recipes.md",
}


@pytest.mark.parametrize(
    "file", [each for each in PAGES if each.name not in WITHOUT_A_SERVER], ids=lambda file: file.name
)
def test_what_reads_the_daemon_s_files_is_typed_as_its_user(file: Path) -> None:
    """Whoever is only in the group may not open the database: a command that does so is shown with sudo."""
    readers = {
        node.path for node in OPERATORS.walk()
        if node.is_runnable and {"--config"} == {name for word in node.words for name in word.names} & {"--config", "--socket"}
    }  # fmt: skip
    alone = {each for each in readers if each.split()[1] in ("rules", "setup", "mail", "extractor")}
    for line in re.findall(r"^ *(posthouse [a-z].*)$", file.read_text("utf-8"), re.MULTILINE):
        words = line.split()
        begun = {" ".join(words[:count]) for count in range(2, 5)}
        assert not begun & (readers - alone - {"posthouse flow simulate", "posthouse campaign check"}), line


def test_every_page_is_reached_from_the_index() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "docs" / "README.md"]
    while waiting:
        file = waiting.pop()
        if file in seen or file.suffix != ".md" or not file.exists():
            continue
        seen.add(file)
        links = re.findall(r"\]\(([^)\s#]+)", file.read_text("utf-8"))
        waiting += [(file.parent / each).resolve() for each in links if "://" not in each]
    assert sorted(str(each.relative_to(ROOT)) for each in set((ROOT / "docs").rglob("*.md")) - seen) == []


def test_targets_that_are_named_are_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", page("Makefile"), re.MULTILINE))
    named = {word for file in PAGES for word in re.findall(r"\bmake ([a-z]+)\b", _code(file.read_text("utf-8")))}
    assert named <= targets


def test_python_examples_compile() -> None:
    for file in PAGES:
        for example in blocks(file.read_text("utf-8"), "python"):
            compile(example, file.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_the_generator_says_what_is_stale(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    made = generator()
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    monkeypatch.setitem(made.PAGES, "events.md", lambda: "another page")
    assert made.main() == 1
    assert "docs/events.md is out of date" in capsys.readouterr().out


def _code(text: str) -> str:
    """What stands in code: blocks, and backquotes."""
    return "\n".join([*re.findall(r"```.*?```", text, re.DOTALL), *in_backquotes(text)])
