"""The file of a mail, `mail/<name>.toml`: what it is for, what a preview of it shows, and its words in each language.

    about = "Thanks for an order"       # one line; `posthouse mail list` shows it
    stream = "transactional"            # or marketing (the default): which footer and which header fields it has
    event = "order.placed"              # the event that begins its flow; a preview brings such a one
    calendar = "event"                  # the event of its data comes along as a file for calendars
    [sample]                            # laid over that event in a preview
    [en]                                # its words: `subject`, `preheader`, `heading` and whatever its templates ask for
    [en.times]                          # an entry with plural forms (CLDR's names; `other` always)
    [he]

A user's own file of the same name is laid over ours entry by entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from deliverability.toml_text import TomlFault, read_toml
from engine.sending.resources import ResourceError, Resources

MAIL: Final = "mail."
"""What the section of a mail's words begins with: mail.confirm."""
STREAMS: Final = ("marketing", "transactional")

CALENDARS: Final = ("", "event")

_TOLD: Final = {"about": "", "stream": STREAMS[0], "event": "", "calendar": CALENDARS[0]}


class MailFileError(Exception):
    """The file of a mail can't be read; the words name file and place."""


@dataclass(frozen=True, slots=True)
class MailFile:
    """What one says. `words`: by language tag, as TOML has them; `sample`: facts, most of them of the event."""

    name: str
    about: str
    stream: str
    event: str
    calendar: str
    sample: Mapping[str, Any]
    words: Mapping[str, Mapping[str, Any]]


def read_mail_file(resources: Resources, name: str) -> MailFile:
    """The file of the mail of this name. MailFileError."""
    file = f"mail/{name}.toml"
    try:
        layers = resources.read_all(file)
    except ResourceError as err:
        raise MailFileError(str(err)) from None
    if not layers:
        raise MailFileError(f"there is no {file}: no language has texts for {MAIL}{name}")
    content: dict[str, Any] = {}
    for layer in layers:
        try:
            _lay_over(content, read_toml(layer))
        except TomlFault as err:
            raise MailFileError(f"{file}: {err}") from None
    told = {key: content.pop(key, usual) for key, usual in _TOLD.items()}
    sample = content.pop("sample", {})
    for key, value in (*told.items(), *content.items()):
        _check(file, key, value)
    if told["stream"] not in STREAMS:
        raise MailFileError(f'{file}: stream is "{str(told["stream"])[:30]}", but must be {" or ".join(STREAMS)}')
    if told["calendar"] not in CALENDARS:
        raise MailFileError(f'{file}: calendar is "{str(told["calendar"])[:30]}", but must be event, or not be there')
    if not isinstance(sample, dict):
        raise MailFileError(f"{file}: sample is not a table, such as [sample]")
    return MailFile(name, **told, sample=sample, words=content)


def _check(file: str, key: str, value: Any) -> None:
    if key in _TOLD and not isinstance(value, str):
        raise MailFileError(f"{file}: {key} is not a text")
    if key not in _TOLD and not isinstance(value, dict):
        known = ", ".join((*_TOLD, "sample"))
        raise MailFileError(f"{file}: {key[:40]} is neither a language's table, such as [en], nor one of {known}")


def _lay_over(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _lay_over(below[key], value)
        else:
            below[key] = value
