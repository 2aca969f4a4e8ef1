"""The language of filters: `421 state:held older:2h`, the same words as the options of `posthouse queue`. Pure.

What has a name before a colon goes to that option; all else is text, looked for in addresses, subjects and replies.
"""

from collections.abc import Mapping
from shlex import quote
from typing import Final

OPTIONS: Final[Mapping[str, str]] = {
    "site": "--site", "domain": "--domain", "stream": "--stream", "campaign": "--campaign", "state": "--state",
    "older": "--older", "younger": "--younger", "q": "--find",
}  # fmt: skip
NAMES: Final = tuple(name for name in OPTIONS if name != "q")


def words(text: str) -> dict[str, str | int]:
    """What the daemon is asked for: {"q": "421", "state": "held", "older": "2h"}."""
    found: dict[str, str | int] = {}
    plain: list[str] = []
    for each in text.split():
        name, colon, value = each.partition(":")
        if colon and value and name in NAMES:
            found[name] = value.replace("_", " ")
        else:
            plain.append(each)
    return {**found, "q": " ".join(plain)} if plain else found


def options(asked: Mapping[str, object]) -> str:
    """The same as options of a command: --state held --find 421"""
    said = ((OPTIONS[name], str(value)) for name, value in asked.items() if name in OPTIONS and value != "")
    return " ".join(f"{option} {quote(value)}" for option, value in said)
