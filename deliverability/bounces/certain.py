"""Whether a reply says of a mailbox that it is not there, and nothing else: then alone an address is given up at once.

There are more ways to say something else than anybody can list, in more languages. So it is the other way round:
certain.toml has the words that such a reply may have, and each other word makes it unsure.
"""

import re
import tomllib
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

MAX_CERTAIN: Final = 400  # characters; what is longer is a letter, of which only what stands beside the reason counts
_BEFORE: Final = 120  # so many characters before where the reason begins
_BEHIND: Final = 260
_URL: Final = re.compile(
    r"(?:\b(?:please )?(?:see|visit|at|refer to|go to|details:?) )?\b(?:https?://|www\.)[^\s<>()]+"
)
# What is a name by its place: in quotation marks or brackets, before three dots, before an address, behind "user".
_NAMED: Final = re.compile(
    r"(?:[\"“„«][^\s\"“”«»]{1,64}[\"”»])|<[^<>\s]{0,64}>|^\W{0,3}[\w.+-]{1,64}(?=\s?\.\.\.|\s\(?@|:user\b| (?:was|is) not\b)"
    r"|(?<=unknown user: )[\w.+-]{1,64}$"
    r"|(?<=user )(?!name|agent|domain|server|list|lookup|polic|quota|data|cert)[\w.+-]{1,64}"
    r"(?= (?:\(?@|unknown$|unknown to system|not (?:listed|found|known)|does(?:n.t| not) exist))"
)
_NO_NAME: Final = re.compile(
    r"later|temp|retry|try|\bnow\b|ldap|dns|spf|dkim|dmarc|sender|gr[ea]y|polic|list|busy|quota|call"
)
_MACHINE: Final = re.compile(
    r"[\w.+%=-]*\d[\w.+%=:/-]*|[\w%+-]+_[\w%+=-]*|%\S+|[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,7}\.?(?:\[[\d.:a-f]+\]?)?"
)
_WORD: Final = re.compile(r"[^\W\d_]+", re.UNICODE)
_LOST: Final = "\N{REPLACEMENT CHARACTER}"  # nobody can read what was there


def is_certain(text: str, at: int = 0) -> bool:
    """Whether `text`, in lower case and without addresses, has no word but those. at: where its reason begins."""
    if len(text) > MAX_CERTAIN:
        text = text[max(0, text.rfind(" ", 0, max(0, at - _BEFORE))) : text.find(" ", at + _BEHIND)]
    left = _phrases().sub(" ", _NAMED.sub(_left, _URL.sub(" ", text)))
    return all(_is_known(word) for chunk in left.split() for word in _words(chunk))


def _left(name: re.Match[str]) -> str:
    """Nothing of a name; what is none, as it stands."""
    return name[0] if _NO_NAME.search(name[0]) else " "


def _words(chunk: str) -> list[str]:
    """The words of what stands between two spaces; none of what a machine made: an id, a host's name, a number."""
    if _LOST in chunk or _MACHINE.fullmatch(chunk.strip("\"'()[]{}<>,;:.!?*#-=~")):
        return []
    return [word for word in _WORD.findall(chunk) if len(word) > 1 or word > "\u2e80"]


@lru_cache(maxsize=4_096)
def _is_known(word: str) -> bool:
    return _known().fullmatch(word) is not None


@cache
def _known() -> re.Pattern[str]:
    return re.compile("|".join(word for entry in _document().values() for word in entry.get("words", ())))


@cache
def _phrases() -> re.Pattern[str]:
    return re.compile("|".join(phrase for entry in _document().values() for phrase in entry.get("phrases", ())))


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("certain.toml").read_text("utf-8"))
