"""Texts: the words of pages and of all mails, one catalogue (`i18n/<locale>.toml`) for each language; and the words of
each mail, one file for all its languages (engine.sending.mail_files).

A catalogue has a [locale] table (name, direction, other tags that mean it), [common], and a section for each page. An
entry is a sentence with {placeholders}, or a table of the language's plural forms (CLDR's names, `other` always). A
user's own catalogue is laid over ours entry by entry; a new language is a new file, and its table in mails' files.

A mail is written in one language: the first of the reader's locale, its parents, the installation's, English, that the
mail has words in. A mail's words are read when it is first asked for.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

from babel import Locale, UnknownLocaleError
from markupsafe import escape

from deliverability.toml_text import read_toml
from engine.sending.mail_files import MAIL, MailFileError, read_mail_file
from engine.sending.resources import ResourceError, Resources

LAST_RESORT: Final = "en"

_PLACEHOLDER: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")


class TextError(Exception):
    """A catalogue is wrong, or lacks an entry; the words say which."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """One sentence, cut at its placeholders: text, name, text, name ... text. `html` has its text escaped."""

    plain: tuple[str, ...]
    html: tuple[str, ...]

    @classmethod
    def parse(cls, sentence: str) -> "Phrase":
        parts = _PLACEHOLDER.split(sentence)
        if any("{" in text or "}" in text for text in parts[::2]):
            raise TextError(f'"{sentence[:60]}" has a brace that is no {{placeholder}}')
        html = tuple(part if at % 2 else str(escape(part)) for at, part in enumerate(parts))
        return cls(tuple(parts), html)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.plain[1::2])


Entry = Phrase | Mapping[str, Phrase]


@dataclass(frozen=True, slots=True)
class Words:
    """One catalogue, for one reader: `tag` is the catalogue's language, `babel` formats as the reader's region does."""

    tag: str
    name: str  # what the language calls itself
    direction: str  # ltr, rtl
    babel: Locale
    entries: Mapping[str, Entry]
    region: str = field(init=False, repr=False, compare=False)  # of `babel`: to find again what was formatted for it
    _found: dict[tuple[str, str], Entry] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "region", str(self.babel))

    def phrase(self, section: str, key: str, count: Any = None) -> Phrase:
        """An entry of the section, or of [common]; its plural form for `count`. TextError when there is none."""
        entry = self._found.get((section, key)) or self._look_up(section, key)
        if entry is None:
            raise TextError(f'the texts in "{self.tag}" have no {key}, neither for {section} nor for common')
        if isinstance(entry, Phrase):
            return entry
        if not isinstance(count, int | float):
            raise TextError(f"{section}.{key} has plural forms: it needs a count")
        return entry.get(self.babel.plural_form(count)) or entry["other"]

    def _look_up(self, section: str, key: str) -> Entry | None:
        entry = self.entries.get(f"{section}.{key}") or self.entries.get(f"common.{key}")
        if entry is not None:
            self._found[section, key] = entry
        return entry

    def text(self, name: str) -> str:
        """The words of an entry without placeholders, by its whole name; "" where there are none."""
        entry = self.entries.get(name)
        return entry.plain[0] if isinstance(entry, Phrase) and len(entry.plain) == 1 else ""

    def has(self, section: str, key: str) -> bool:
        """Whether the section, or [common], has this entry."""
        return f"{section}.{key}" in self.entries or f"common.{key}" in self.entries

    def has_section(self, section: str) -> bool:
        return any(key.startswith(f"{section}.") for key in self.entries)


class Texts:
    """All catalogues, read once."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._catalogues: dict[str, Words] = {}
        self._mails: dict[str, dict[str, Words]] = {}
        self._with_calendar: set[str] = set()
        self._names: dict[str, str] = {}
        self._chosen: dict[tuple[str, str, str], Words] = {}
        for name in resources.names("i18n", ".toml"):
            try:
                self._load(name, resources.read_all(name))
            except ResourceError as err:
                raise TextError(str(err)) from None
        if LAST_RESORT not in self._catalogues:
            raise TextError(f'there are no texts in "{LAST_RESORT}"')

    @property
    def tags(self) -> list[str]:
        """The languages there are, by their tags."""
        return sorted(self._catalogues)

    def of(self, tag: str) -> Words:
        """The catalogue of this very tag. KeyError where there is none."""
        return self._catalogues[tag]

    def mail(self, name: str) -> dict[str, Words]:
        """The words of one mail by language, with those of all mails behind them. TextError where its file is wrong, or is
        not there."""
        if name not in self._mails:
            self._mails[name] = self._read_mail(name)
        return self._mails[name]

    def has_calendar(self, name: str) -> bool:
        """Whether the event that a mail is about comes with it, as a file for calendars. TextError as of `mail`."""
        self.mail(name)
        return name in self._with_calendar

    def has(self, tag: str) -> bool:
        """Whether there is a catalogue for this locale, or for a parent of it."""
        return any(each.lower() in self._names for each in _chain(tag))

    def choose(self, wanted: str, default: str, section: str) -> Words:
        """The words for a reader who wants this locale. TextError when no language has the section."""
        asked = (wanted, default, section)
        if asked not in self._chosen:
            if len(self._chosen) > 4096:  # locales come from people's browsers
                self._chosen.clear()
            self._chosen[asked] = self._choose(wanted, default, section)
        return self._chosen[asked]

    def _choose(self, wanted: str, default: str, section: str) -> Words:
        is_mail = section.startswith(MAIL)
        catalogues = self.mail(section.removeprefix(MAIL)) if is_mail else self._catalogues
        for tag in (*_chain(wanted), *_chain(default), LAST_RESORT):
            words = catalogues.get(self._names.get(tag.lower(), ""))
            if words is not None and (is_mail or words.has_section(section)):
                return _regional(words, wanted, default)
        raise TextError(f"no language has texts for {section}")

    def _read_mail(self, name: str) -> dict[str, Words]:
        try:
            file = read_mail_file(self._resources, name)
        except MailFileError as err:
            raise TextError(str(err)) from None
        if file.calendar:
            self._with_calendar.add(name)
        return {tag: self._with_mail(name, tag, table) for tag, table in file.words.items()}

    def _with_mail(self, name: str, tag: str, table: Mapping[str, Any]) -> Words:
        words = self._catalogues.get(tag)
        if words is None:
            raise TextError(
                f"mail/{name}.toml: there is no language {tag}: add i18n/{tag}.toml ({', '.join(self.tags)})"
            )
        try:
            own = dict(_entries(dict(table), f"{MAIL}{name}"))
        except TextError as err:
            raise TextError(f"mail/{name}.toml, [{tag}]: {err}") from None
        return replace(words, entries={**words.entries, **own})

    def _load(self, name: str, layers: list[str]) -> None:
        entries: dict[str, Entry] = {}
        about: dict[str, Any] = {}
        try:
            for layer in layers:
                of_locale, words = _layer(layer)
                about.update(of_locale)
                entries.update(words)
            tag = name.removeprefix("i18n/").removesuffix(".toml")
            babel = Locale.parse(tag, sep="-")
        except (TextError, UnknownLocaleError, ValueError) as err:
            raise TextError(f"{name}: {err}") from None
        if about.get("direction") not in ("ltr", "rtl"):
            raise TextError(f'{name}: [locale] needs direction = "ltr" or "rtl"')
        self._catalogues[tag] = Words(tag, str(about.get("name", tag)), about["direction"], babel, entries)
        for each in (tag, *about.get("also", ())):
            self._names[str(each).lower()] = tag


@lru_cache(16)
def _layer(text: str) -> tuple[Mapping[str, Any], Mapping[str, Entry]]:
    """What a file of words says of its locale, and its words. Read by the daemon before it forks (engine.before_fork), so that
    no carrier need do it again. TextError."""
    content = read_toml(text)
    about = content.pop("locale", {})
    if "mail" in content:
        raise TextError("the words of a mail are in mail/NAME.toml, a table such as [en] for each language")
    return about, dict(_entries(content, ""))


def _chain(tag: str) -> Iterator[str]:
    """he-IL, he."""
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]


def _regional(words: Words, wanted: str, default: str) -> Words:
    """The same words with the reader's own dates and prices, where the reader's language is the one chosen."""
    for tag in (wanted, default):
        try:
            babel = Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError, TypeError):
            continue
        if babel.language == words.babel.language:
            return replace(words, babel=babel)
    return words


def _entries(table: dict[str, Any], path: str) -> Iterator[tuple[str, Entry]]:
    for key, value in table.items():
        name = f"{path}.{key}" if path else key
        try:
            if isinstance(value, str):
                yield name, Phrase.parse(value)
            elif isinstance(value, dict) and isinstance(value.get("other"), str):
                yield name, {form: Phrase.parse(sentence) for form, sentence in value.items()}
            elif isinstance(value, dict):
                yield from _entries(value, name)
            else:
                raise TextError("an entry is a sentence, or a table of plural forms with `other`")
        except (TextError, TypeError) as err:
            raise TextError(f"{name}: {err}") from None
