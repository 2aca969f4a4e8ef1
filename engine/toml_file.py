"""posthouse.toml as it is written, before anybody asks what its values mean: its text, and what TOML makes of it.

Imports nothing that checks a setting, so that a command which only asks where the socket is refuses a broken file in the
daemon's own words: with its line, and with what to write.
"""

import re
from pathlib import Path
from typing import Any, Final

from deliverability.toml_text import TomlFault, read_toml
from engine.faults import ConfigFaults, Fault, lines_of
from mta.plain_file import read_text, why

LARGEST: Final = 1 << 20  # characters of a configuration: it takes a second to read so many

_REMEDIES: Final = (  # what tomllib says, and what to do; the first that is found
    ("at end of document", "is the file whole, and every quote closed?"),
    ("Invalid value", "a text stands in quotes, a list in [ ]"),
    ("Invalid statement", 'a line is a [section], a "name = value", or a # comment'),
    ("Expected '='", 'a setting is "name = value"'),
    ("Cannot overwrite|Cannot declare|Duplicate", "it is set twice: leave one"),
    ("Illegal character|Unterminated", "close the quotes"),
    ("Unclosed|Expected ']'", "close the bracket"),
    ("newline or end of document", "a line holds one setting; a text stands in quotes"),
)


def text_of(path: Path) -> str:
    """What is written there. ConfigFaults where it is no file that a configuration could be."""
    try:
        text = read_text(path)
    except FileNotFoundError:
        raise _refused(path, "no such file (write one, or name another with --config)") from None
    except UnicodeDecodeError as err:
        line = err.object.count(b"\n", 0, err.start) + 1
        raise _refused(path, f"can't be read, it is no TOML: {why(err)}", line) from None
    except OSError as err:
        raise _refused(path, f"can't be read: {why(err)}") from None
    if len(text) > LARGEST:
        words = f"has more than {LARGEST >> 20} MiB, which is no configuration: does --config name the right file?"
        raise _refused(path, words)
    if not lines_of(text):
        raise _refused(path, "nothing is set in it: is it whole? (`posthouse setup` writes one)")
    return text


def data_of(text: str, file: str) -> dict[str, Any]:
    """What TOML makes of it. ConfigFaults with the line, and how to mend it."""
    try:
        return read_toml(text)
    except TomlFault as err:
        said = str(err)
        place = re.search(r"at line (\d+)", said)
        line = int(place[1]) if place else len(text.splitlines())  # it says "at end of document"
        remedy = next((f" ({words})" for pattern, words in _REMEDIES if re.search(pattern, said)), "")
        raise ConfigFaults([Fault(file, line, "", f"is no TOML: {said}{remedy}")]) from None


def _refused(path: Path, words: str, line: int | None = None) -> ConfigFaults:
    return ConfigFaults([Fault(str(path), line, "", words)])
