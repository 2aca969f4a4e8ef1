"""The house's own rules for replies: `rules.toml` in the folder of state, beside those that come with Posthouse."""

import re
from pathlib import Path
from typing import Final

from deliverability.bounces.classify import Rule, adopt
from deliverability.bounces.own import PREFIX, RuleFault, read_rules
from deliverability.bounces.places import lines_of, place_of
from mta.plain_file import read_text

NAME: Final = "rules.toml"
_ENTRY: Final = re.compile(r"^(?=\[\[rule\]\])", re.MULTILINE)
_HEAD: Final = "# Rules of this house for replies and bounces, tried before those that come with Posthouse.\n"


def own_rules(state: Path, *, is_proven: bool = False) -> tuple[Rule, ...]:
    """The rules of the file, none where there is no file. RuleFault when it can't be read or a rule is not proven."""
    try:
        text = read_text(state / NAME)
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as err:
        raise RuleFault(f"{state / NAME} can't be read: {err}") from None
    return read_rules(text, is_proven=is_proven)


def adopt_own_rules(state: Path, *, is_proven: bool = False) -> str:
    """Use them in this process; why not, when they can't be used: then the shipped ones decide alone."""
    try:
        adopt(own_rules(state, is_proven=is_proven))
    except RuleFault as fault:
        adopt(())
        return str(fault)
    return ""


def add_rule(state: Path, rule: str) -> Path:
    """Write one more into the file, which is proven as a whole before it takes the old one's place."""
    file = state / NAME
    text = read_text(file) if file.exists() else _HEAD
    _put(file, f"{text.rstrip()}\n\n{rule}")
    return file


def drop_rule(state: Path, name: str) -> bool:
    """Take a rule out of the file. False where it has none of that name."""
    file = state / NAME
    text = read_text(file) if file.exists() else ""
    head, *entries = _ENTRY.split(text)
    kept = [each for each in entries if name not in lines_of(each)]
    if len(kept) == len(entries):
        return False
    _put(file, head + "".join(kept))
    return True


def place_of_rule(state: Path, name: str) -> str:
    """Where a rule stands, as "file:line"; "" for what is no rule."""
    if not name.startswith(PREFIX):
        return place_of(name)
    try:
        line = lines_of(read_text(state / NAME)).get(name)
    except (OSError, UnicodeDecodeError):
        return ""
    return f"{state / NAME}:{line}" if line else ""


def _put(file: Path, text: str) -> None:
    """Prove the file as a whole, then let it take the old one's place."""
    read_rules(text)
    fresh = file.with_suffix(".new")
    fresh.write_text(text, "utf-8")
    fresh.replace(file)
