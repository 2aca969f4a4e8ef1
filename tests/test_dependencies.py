"""Whatever is imported is named in pyproject.toml: a clean machine has nothing else.

A module that comes with another package's needs works here and goes away with that package's next version; stubs that
happen to lie in one developer's environment make `mypy` pass there alone.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PRODUCT = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
TOOLS = ["tests", "bench", "docs"]
OWN = {*PRODUCT, *TOOLS, *(each.stem for each in (ROOT / "tests" / "support").iterdir())}


def named(*lists: Iterable[str]) -> set[str]:
    """The distributions that requirements name, in the spelling by which names are compared (PEP 503)."""
    return {spelt(re.split(r"[\s\[<>=!~;]", each, maxsplit=1)[0]) for part in lists for each in part}


def spelt(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


BROUGHT = named(PYPROJECT["project"]["dependencies"])
EXTRA = named(*PYPROJECT["project"]["optional-dependencies"].values())
DEVELOPMENT = named(PYPROJECT["dependency-groups"]["dev"])


@cache
def imported(folder: str) -> dict[str, str]:
    """Each module from elsewhere that a folder's code imports, wherever in a file: one file that does."""
    found: dict[str, str] = {}
    for file in sorted((ROOT / folder).rglob("*.py")):
        for module in modules_of(ast.parse(file.read_text("utf-8"))):
            if module not in sys.stdlib_module_names and module not in OWN:
                found.setdefault(module, str(file.relative_to(ROOT)))
    return found


def modules_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@cache
def brings() -> dict[str, set[str]]:
    """Each module that is installed: the distributions it is part of."""
    return {module: {spelt(each) for each in names} for module, names in packages_distributions().items()}


@pytest.mark.parametrize("folder", [*PRODUCT, *TOOLS])
def test_every_module_that_is_imported_belongs_to_a_dependency_with_a_name(folder: str) -> None:
    allowed = BROUGHT | EXTRA | (DEVELOPMENT if folder in TOOLS else set())
    found = imported(folder)
    strangers = {module: file for module, file in found.items() if not brings().get(module, set()) & allowed}
    assert not strangers, f"pyproject.toml does not name what brings these: {strangers}"


@pytest.mark.parametrize("folder", PRODUCT)
def test_stubs_that_mypy_finds_here_it_finds_everywhere(folder: str) -> None:
    stubs = {name for module in imported(folder) for name in brings().get(f"{module}-stubs", ())}
    assert stubs <= DEVELOPMENT | BROUGHT, "these stubs are installed, and pyproject.toml does not name them"


def test_no_dependency_is_brought_for_nothing() -> None:
    used = {name for folder in PRODUCT for module in imported(folder) for name in brings().get(module, ())}
    assert used >= BROUGHT | EXTRA
