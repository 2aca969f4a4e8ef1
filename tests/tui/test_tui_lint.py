"""No text from outside is ever read as markup: what the terminal's code may not call, and may not be without."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "tui"
FILES = sorted(ROOT.rglob("*.py"))
# Widgets of Textual's that take markup in what they are given; ours draw lines of inks.
MARKUP = {
    "Static", "Label", "DataTable", "OptionList", "Tree", "Markdown", "RichLog", "Log", "Select", "SelectionList", "Tabs",
    "TabbedContent", "Collapsible", "Header", "Footer", "Toast", "Digits", "Checkbox", "RadioButton", "ListView", "Placeholder",
}  # fmt: skip
CALLS = {"notify", "from_markup", "border_title", "border_subtitle", "tooltip", "render_markup"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_that_takes_markup_is_used(file: Path) -> None:
    tree = ast.parse(file.read_text("utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
             if (node.module or "").startswith(("textual.widgets", "rich.markup"))}  # fmt: skip
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert names & MARKUP == set()
    assert attributes & CALLS == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_is_drawn_by_render_where_a_line_of_inks_would_do(file: Path) -> None:
    tree = ast.parse(file.read_text("utf-8"))
    drawn = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "render"]
    assert drawn == []
