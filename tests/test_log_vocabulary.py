"""The log has a fixed vocabulary: one function for each kind of line, in the modules that are made for it, and none of them
takes a secret. That none gets one all the same is tried in tests/e2e/test_log_secrets.py."""

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from engine import houselog
from engine.catalogue import cataloguelog
from engine.running import flowlog
from mta import maillog

ROOT = Path(__file__).resolve().parents[1]
VOCABULARIES = (cataloguelog, flowlog, houselog, maillog)
SECRET = re.compile(r"pass|secret|token|private|auth_|content|body|octets|dialogue")
OF_EACH_LINE = {"level", "at", "what", "trace"}  # a fact by such a name would stand in its place
METHODS = {"debug", "info", "warning", "error", "critical", "exception", "log"}


def functions() -> list[tuple[ModuleType, str, Callable[..., None]]]:
    return [
        (module, name, found)
        for module in VOCABULARIES
        for name, found in sorted(inspect.getmembers(module, inspect.isfunction))
        if found.__module__ == module.__name__ and not name.startswith("_")
    ]


def calls(node: ast.AST) -> Iterator[ast.Call]:
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr in METHODS:
            on = each.func.value
            if isinstance(on, ast.Name) and on.id.strip("_") in ("log", "logger", "logging"):
                yield each


def test_nothing_is_logged_but_by_a_function_of_a_vocabulary() -> None:
    own = {Path(inspect.getfile(module)) for module in VOCABULARIES}
    elsewhere = {
        str(file.relative_to(ROOT))
        for package in ("engine", "mta", "tui", "deliverability")
        for file in (ROOT / package).rglob("*.py")
        if file not in own and "lab" not in file.parts and list(calls(ast.parse(file.read_text("utf-8"))))
    }
    assert elsewhere == set()


@pytest.mark.parametrize(
    ("module", "name", "found"), functions(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_function_says_one_constant_thing_with_facts_that_are_no_secret(
    module: ModuleType, name: str, found: Callable[..., None]
) -> None:
    assert inspect.getdoc(found), f"{module.__name__}.{name} has no words of its own"
    made = list(calls(ast.parse(inspect.getsource(found))))
    texts = {each.args[0].value for each in made if isinstance(each.args[0], ast.Constant)}
    assert len(texts) == 1 and all(len(each.args) == 1 for each in made), "the text is one, and a fact is no part of it"
    assert "%" not in str(texts)
    named = {*inspect.signature(found).parameters, *re.findall(r'"([a-z_]+)":', inspect.getsource(found))}
    assert not [word for word in named if SECRET.search(word)]
    facts = {
        key.value
        for call in made
        for each in call.keywords
        for key in getattr(each.value, "keys", ())
        if each.arg == "extra" and isinstance(key, ast.Constant)
    }
    assert not facts & OF_EACH_LINE


def test_no_two_functions_say_the_same() -> None:
    said: dict[str, str] = {}
    for module, name, found in functions():
        [text] = {
            str(each.args[0].value)
            for each in calls(ast.parse(inspect.getsource(found)))
            if isinstance(each.args[0], ast.Constant)
        }
        where = f"{module.__name__}.{name}"
        assert said.setdefault(text, where) == where or text == "store trouble", text  # the relay's, and of flows
