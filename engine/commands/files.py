"""Files that a command is given: a text, without which the command ends; or several, read to a limit, one by one, where a
missing one is said without ending the others."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from deliverability.text import clean
from engine.commands.common import refuse
from mta.plain_file import open_plain, read_text, why


def text_of(file: Path) -> str:
    """What is in it; ends the command where it can't be read."""
    try:
        return read_text(file)
    except (OSError, UnicodeDecodeError) as err:
        refuse(f"{file} can't be read: {why(err)}", code=2)


def read_files(files: Sequence[Path], most: int, as_json: bool) -> Iterator[tuple[str, bytes]]:
    """(the name as given, the first `most` octets) of each that can be read; of another, why not is told, `as_json` as a
    line like those of the others. Ends with code 2 if there was one."""
    is_whole = True
    for path in files:
        try:
            if str(path) == "-":
                yield "-", sys.stdin.buffer.read(most)
            else:
                with open_plain(path) as file:
                    yield str(path), file.read(most)
        except OSError as err:
            is_whole = False
            tell_unread(str(path), f"can't be read: {why(err)}", as_json)
    if not is_whole:
        raise SystemExit(2)


def tell_unread(name: str, why: str, as_json: bool) -> None:
    """Say that a file was not read: for people on stderr, for programs as the line that stands for it."""
    if as_json:
        print(json.dumps({"file": name, "kind": "unreadable", "error": why}, ensure_ascii=False))
    else:
        print(f"posthouse: {clean(name)}: {why}", file=sys.stderr)
