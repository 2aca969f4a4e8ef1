"""`posthouse flow test`: whether flows do what their test files say. Needs no daemon and no configuration; for CI."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.common import Json, refuse_faulty
from engine.commands.files import text_of

if TYPE_CHECKING:
    from engine.flow.document import Fault
    from engine.flow.model import Definition
    from engine.simulation.trying import Differs


@dataclass(frozen=True, slots=True)
class Result:
    """One test of a file, and what was not as it expects."""

    file: str
    test: str
    differences: "list[Differs]"


def test(
    files: Annotated[
        list[Path], typer.Argument(help="Test files, such as cart.test.yaml.", exists=True, dir_okay=False)
    ],
    as_json: Json = False,
) -> None:
    """Run test files of flows: people, events and time in, the mails and states that they expect, and none else.

    Exit code 1 when something is not as expected, 2 when a file is wrong.
    """
    faults: list[Fault] = []
    results = [each for file in files for each in _run(file, faults)]
    if faults:
        refuse_faulty(faults)
    if as_json:
        print(json.dumps([_told(each) for each in results], indent=2, ensure_ascii=False))
    else:
        _print(results)
    if any(each.differences for each in results):
        raise SystemExit(1)


def _run(file: Path, faults: "list[Fault]") -> list[Result]:
    """A file's tests, run; none of a file that is wrong."""
    from engine.simulation import trying
    from engine.simulation.script import Trial
    from engine.simulation.scripts import read_tests

    text = text_of(file)
    definition = _flow(file, text, faults)
    results = []
    for each in read_tests(text, str(file), definition) if definition else ():
        if isinstance(each, Trial) and definition is not None:
            results.append(Result(str(file), each.name, trying.run(definition, each)))
        elif not isinstance(each, Trial):
            faults.append(each)
    return results


def _flow(file: Path, text: str, faults: "list[Fault]") -> "Definition | None":
    """The flow that a test file names, beside it; None after its faults."""
    from engine.flow.definition import Definition, check
    from engine.simulation.scripts import flow_of

    name = flow_of(text, str(file))
    if not isinstance(name, str):
        faults += name
        return None
    found = check(text_of(file.parent / name), str(file.parent / name))
    if isinstance(found, Definition):
        return found
    faults += found
    return None


def _print(results: Sequence[Result]) -> None:
    for each in results:
        for difference in each.differences:
            print("\n".join(difference.lines(each.file)))
    for file in dict.fromkeys(each.file for each in results):
        mine = [each for each in results if each.file == file]
        failed = sum(bool(each.differences) for each in mine)
        count = f"{len(mine)} test{'s' if len(mine) != 1 else ''}"
        print(f"{file}: " + (f"{failed} of {count} failed" if failed else f"{count}, all right"))


def _told(result: Result) -> dict[str, object]:
    differences = [
        {
            "line": each.place.line, "column": each.place.column, "what": each.what, "missing": each.missing,
            "extra": each.extra,
        }
        for each in result.differences
    ]  # fmt: skip
    return {"file": result.file, "test": result.test, "differences": differences}
