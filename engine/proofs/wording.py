"""What a lint finds in the words of a mail, before any reader: languages that say less than others, forms that a language
does not have, English that was left over, quotation marks of another language, words that the brand avoids."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from engine.proofs.proving import Prover
from engine.proofs.rules import Finding
from engine.sending.mail_files import MAIL
from engine.sending.resources import ResourceError
from engine.sending.texts import LAST_RESORT, Entry, Phrase, Words

NEEDED: Final = ("subject", "preheader", "heading")
_LATIN: Final = re.compile(r"[A-Za-z]{3,}")
_SIDES: Final = re.compile(r"""(?:align=["']|text-align:\s*|padding-|margin-|float:\s*)(left|right)\b""")
_FOREIGN_QUOTES: Final[Mapping[str, str]] = {
    "en": "\"„«»「」״", "he": "\"“”„«»「」", "ru": "\"“”「」״", "zh": "\"„«»「」״", "zh-Hant": "\"“”„«»״",
}  # fmt: skip

Own = Mapping[str, Entry]
"""The entries of one mail in one language, by their short names."""


def wording(prover: Prover, mail: str) -> Iterator[Finding]:
    """All that the rules find in the words and the templates of a mail whose file can be read."""
    by_language = {tag: _own(words, mail) for tag, words in prover.texts.mail(mail).items()}
    for name, rule in _RULES.items():
        for tag, entries in by_language.items():
            where = f"mail/{mail}.toml [{tag}]"
            yield from (Finding(name, where, words) for words in rule(prover, tag, entries, by_language))
    yield from _sides(prover, mail)


def _own(words: Words, mail: str) -> Own:
    before = f"{MAIL}{mail}."
    return {key.removeprefix(before): entry for key, entry in words.entries.items() if key.startswith(before)}


def _keys(prover: Prover, tag: str, entries: Own, all_: Mapping[str, Own]) -> Iterator[str]:
    """Every language has the same entries, with the same placeholders; and there is every language."""
    model = all_.get(LAST_RESORT) or next(iter(all_.values()))
    for key in sorted(model.keys() - entries.keys()):
        yield f"{key} is missing, which other languages have"
    for key in sorted(entries.keys() - model.keys()):
        yield f"{key} is not there in {LAST_RESORT}"
    for key in sorted(entries.keys() & model.keys()):
        if _names(entries[key]) != _names(model[key]):
            yield f"{key} has other {{placeholders}} than in {LAST_RESORT}: {_listed(_names(entries[key]) ^ _names(model[key]))}"
    if entries is model and (gone := set(prover.texts.tags) - all_.keys()):
        yield f"there are no words in {', '.join(sorted(gone))}"
    for key in NEEDED:
        if entries is model and key not in model:
            yield f"{key} is missing"


def _plurals(prover: Prover, tag: str, entries: Own, all_: Mapping[str, Own]) -> Iterator[str]:
    """Plural tables have the forms of their language, all of them, and no others (CLDR)."""
    forms = {*prover.texts.of(tag).babel.plural_form.tags, "other"}
    for key, entry in entries.items():
        if isinstance(entry, Phrase):
            continue
        # A form for fractions alone ("other" in Russian) is always there: `other` is asked for.
        if gone := forms - entry.keys():
            yield f"{key} lacks the plural form {_listed(gone)}: {tag} has {_listed(forms)}"
        if strange := entry.keys() - forms:
            yield f"{key} has the plural form {_listed(strange)}, which {tag} has not"


def _left_over(prover: Prover, tag: str, entries: Own, all_: Mapping[str, Own]) -> Iterator[str]:
    """Nothing is left in English."""
    english = all_.get(LAST_RESORT, {})
    for key, text in _sentences(entries) if tag != LAST_RESORT else ():
        same = dict(_sentences({key.split(".")[0]: english[key.split(".")[0]]})) if key.split(".")[0] in english else {}
        if _LATIN.search(text) and same.get(key) == text:
            yield f'{key} says the same as in {LAST_RESORT}: "{text[:40]}"'


def _quotes(prover: Prover, tag: str, entries: Own, all_: Mapping[str, Own]) -> Iterator[str]:
    """Quotation marks are those of the language."""
    wrong = _FOREIGN_QUOTES.get(tag, '"')
    for key, text in _sentences(entries):
        if found := "".join(dict.fromkeys(each for each in text if each in wrong)):
            yield f"{key} has quotation marks that {tag} does not use: {found}"


def _voice(prover: Prover, tag: str, entries: Own, all_: Mapping[str, Own]) -> Iterator[str]:
    """Words that the brand avoids (`voice.avoid`)."""
    for key, text in _sentences(entries):
        for word in prover.brand.avoid:
            if word.lower() in text.lower():
                yield f'{key} says "{word}", which the brand avoids'


def _preview(prover: Prover, tag: str, entries: Own, all_: Mapping[str, Own]) -> Iterator[str]:
    """What stands behind the subject in a mailbox's list says something else."""
    told = dict(_sentences(entries))
    if told.get("preheader") and told.get("preheader") == told.get("subject"):
        yield "the preheader says what the subject says"


_RULES: Final[Mapping[str, Callable[[Prover, str, Own, Mapping[str, Own]], Iterator[str]]]] = {
    "keys": _keys, "plurals": _plurals, "language": _left_over, "quotes": _quotes, "voice": _voice, "preview": _preview,
}  # fmt: skip


def _sides(prover: Prover, mail: str) -> Iterator[Finding]:
    """Templates say start and end, not left and right: half of the world's pages run the other way."""
    file = f"mail/{mail}.html.j2"
    try:
        source = prover.resources.read(file)
    except ResourceError:
        return  # which the check of templates tells
    for number, line in enumerate(source.splitlines(), 1):
        if found := _SIDES.search(line):
            words = f"line {number}: {found[0]} pins it to one side: write {{{{ start }}}} or {{{{ end }}}}"
            yield Finding("sides", file, words)


def _sentences(entries: Own) -> Iterator[tuple[str, str]]:
    """(the entry's name, what it says without its placeholders)."""
    for key, entry in entries.items():
        for form, phrase in [("", entry)] if isinstance(entry, Phrase) else entry.items():
            yield f"{key}.{form}" if form else key, "".join(phrase.plain[::2])


def _names(entry: Entry) -> frozenset[str]:
    phrases = [entry] if isinstance(entry, Phrase) else entry.values()
    return frozenset().union(*(each.names for each in phrases))


def _listed(words: frozenset[str] | set[str]) -> str:
    return ", ".join(sorted(words))
