"""The house's own rules for replies: `rules.toml` in the folder of state, beside those that come with Posthouse."""

from pathlib import Path
from typing import Final

from deliverability.bounces.classify import Rule, adopt
from deliverability.bounces.own import RuleFault, read_rules

NAME: Final = "rules.toml"
_HEAD: Final = "# Rules of this house for replies and bounces, tried before those that come with Posthouse.\n"


def own_rules(state: Path) -> tuple[Rule, ...]:
    """The rules of the file, none where there is no file. RuleFault when it can't be read or a rule is not proven."""
    try:
        text = (state / NAME).read_text("utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as err:
        raise RuleFault(f"{state / NAME} can't be read: {err}") from None
    return read_rules(text)


def adopt_own_rules(state: Path) -> str:
    """Use them in this process; why not, when they can't be used: then the shipped ones decide alone."""
    try:
        adopt(own_rules(state))
    except RuleFault as fault:
        adopt(())
        return str(fault)
    return ""


def add_rule(state: Path, rule: str) -> Path:
    """Write one more into the file, which is proven as a whole before it takes the old one's place."""
    file = state / NAME
    text = file.read_text("utf-8") if file.exists() else _HEAD
    text = f"{text.rstrip()}\n\n{rule}"
    read_rules(text)
    fresh = file.with_suffix(".new")
    fresh.write_text(text, "utf-8")
    fresh.replace(file)
    return file
