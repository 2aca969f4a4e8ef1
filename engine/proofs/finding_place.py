"""Where a finding is to be mended: the file, and the line where that can be told."""

import re
from typing import Final

from engine.proofs.rules import Finding
from engine.sending.resources import ResourceError, Resources

_FILE: Final = re.compile(
    r"^((?:(?:mail|base|i18n)/)?[a-z0-9][A-Za-z0-9._-]*\.(?:toml|html\.j2|txt\.j2|css\.j2))(?::(\d+))?"
)
_TABLE: Final = re.compile(r"\[([A-Za-z-]+)\]")
_IN_CATALOGUE: Final = re.compile(r"^([a-z0-9_.-]+)\.([a-z0-9_]+) ")
_LINE: Final = re.compile(r"\bline (\d+)\b")
_KEY: Final = re.compile(r"^([a-z][a-z0-9_]*)\b")
_OF_WORDS: Final = frozenset(("keys", "plurals", "language", "quotes", "voice", "preview", "subject"))


def place_of(resources: Resources, mail: str, found: Finding) -> tuple[str, int]:
    """(file, line); line 0 where the whole file is meant. What is seen in a mail that came out is its HTML's to mend, or its
    words'."""
    named = _FILE.match(found.where)
    if named is None:
        kind = "toml" if found.rule in _OF_WORDS else "txt.j2" if "the text " in found.problem else "html.j2"
        return f"mail/{mail}.{kind}", 0
    file, line = named[1], int(named[2] or 0)
    if not line and found.rule == "sides" and (told := _LINE.search(found.problem)):
        line = int(told[1])
    if not line and (table := _TABLE.search(found.where)) and (key := _KEY.match(found.problem)):
        line = _line_of(resources, file, table[1], key[1])
    if not line and file.startswith("i18n/") and (entry := _IN_CATALOGUE.match(found.problem)):
        line = _line_of(resources, file, entry[1], entry[2])
    return file, line


def _line_of(resources: Resources, file: str, tag: str, key: str) -> int:
    """Where the entry stands below a language's table; the table's own line where it is missing; 0 where neither is there."""
    try:
        lines = resources.read(file).splitlines()
    except ResourceError:
        return 0
    table = within = 0
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith("["):
            within = number if text.startswith((f"[{tag}]", f"[{tag}.")) else 0
            table = table or within
            if within and text.startswith(f"[{tag}.{key}]"):
                return number
        elif within and re.match(rf"{re.escape(key)}\s*=", text):
            return number
    return table
