"""The tests wait as CONTRIBUTING.md says: for a fact, and so long that only what never comes fails.

A machine that is busy with others takes twenty times as long for anything. What a test waits for at most is therefore a
minute, wherever it says a number; less than a second is what a test expects to be over without an answer.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
TREES = {
    file.relative_to(TESTS): ast.parse(file.read_text("utf-8"))
    for file in sorted(TESTS.rglob("*.py"))
    if file != Path(__file__)
}
KEYWORDS = {"timeout", "patience", "ready_timeout"}
WAITS = {  # how they are called, and where the seconds stand
    "result": 0, "wait": 0, "settimeout": 0, "timeout": 0, "wait_exit": 0, "stop": 0, "restart": 0,
    "wait_for": 1, "until": 1, "wait_ended": 1,
}  # fmt: skip
LEAST = 60


def number(node: ast.expr | None) -> float:
    return float(node.value) if isinstance(node, ast.Constant) and type(node.value) in (int, float) else 0.0


def seconds(node: ast.AST) -> Iterator[float]:
    """What a line waits at most, where it says so itself."""
    if isinstance(node, ast.Call):
        yield from (number(each.value) for each in node.keywords if each.arg in KEYWORDS)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in WAITS and len(node.args) > WAITS[name]:
            yield number(node.args[WAITS[name]])
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(each, ast.Name) and each.id.endswith("PATIENCE") for each in targets):
            yield number(node.value)


def test_a_test_is_patient() -> None:
    short = [
        f"{file}:{node.lineno}: {each:g} s"  # type: ignore[attr-defined]
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        for each in seconds(node)
        if 1 <= each < LEAST
    ]
    assert short == [], f"what is to come is waited for {LEAST} s"


def test_what_must_not_be_in_the_log_is_not_waited_for() -> None:
    refused = [
        f"{file}:{node.lineno}"
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) and isinstance(node.operand, ast.Call)
        and isinstance(node.operand.func, ast.Attribute) and node.operand.func.attr == "logged"
    ]  # fmt: skip
    assert refused == [], "`logged` waits until it is there: `log.so_far` has what was written"
