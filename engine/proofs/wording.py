"""What a lint finds in words, before any reader: languages that say less than others, forms that a language does not have,
English that was left over, quotation marks of another language, words that the brand avoids. `wording` looks at a mail's own
words, `shared_wording` at those that all mails and pages have."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from engine.proofs.finding_place import place_of
from engine.proofs.hidden import hidden
from engine.proofs.latin import has_own_letters, latin_words
from engine.proofs.proving import Prover
from engine.proofs.rules import Finding
from engine.proofs.scripts import strange_words
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
"""The entries of one mail, or of one catalogue, in one language, by their short names."""
Rule = Callable[[Prover, str, Own, Mapping[str, Own]], Iterator[str]]


def wording(prover: Prover, mail: str) -> Iterator[Finding]:
    """All that the rules find in the words and the templates of a mail whose file can be read."""
    by_language = {tag: _own(words, mail) for tag, words in prover.texts.mail(mail).items()}
    yield from _found(prover, _RULES, by_language, lambda tag: f"mail/{mail}.toml [{tag}]")
    yield from _hidden(prover, mail, by_language, lambda tag: f"mail/{mail}.toml [{tag}]")
    yield from _sides(prover, mail)


def shared_wording(prover: Prover) -> Iterator[Finding]:
    """The same of the catalogues, `i18n/LANGUAGE.toml`, whose entries need not be the same: a shop adds surveys of its own."""
    by_language = {tag: prover.texts.of(tag).entries for tag in prover.texts.tags}
    rules = {name: _RULES[name] for name in ("plurals", "language", "quotes", "voice")}
    yield from _found(prover, rules, by_language, lambda tag: f"i18n/{tag}.toml")
    yield from _hidden(prover, "", by_language, lambda tag: f"i18n/{tag}.toml")


def _found(
    prover: Prover, rules: Mapping[str, Rule], by_language: Mapping[str, Own], place: Callable[[str], str]
) -> Iterator[Finding]:
    for name, rule in rules.items():
        for tag, entries in by_language.items():
            yield from (Finding(name, place(tag), words) for words in rule(prover, tag, entries, by_language))


def _hidden(
    prover: Prover, mail: str, by_language: Mapping[str, Own], place: Callable[[str], str]
) -> Iterator[Finding]:
    """What nobody sees, in an editor neither: with its line."""
    for found in _found(prover, {"characters": _characters}, by_language, place):
        file, line = place_of(prover.resources, mail, found)
        yield replace(found, where=found.where.replace(file, f"{file}:{line}", 1)) if line else found


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
    """Nothing is left in English: no entry is the same as there and, where a language has letters of its own, no word stands
    in Latin ones that has no business there; nor, in any language, one in the letters of a third."""
    english = dict(_sentences(all_.get(LAST_RESORT, {})))
    kept = {prover.brand.name, *prover.brand.social, *prover.brand.keep}
    for key, text in _sentences(entries):
        if strange := strange_words(tag, text, kept):
            yield f"{key} has words in the letters of another language: {', '.join(strange)[:60]}"
    for key, text in _sentences(entries) if tag != LAST_RESORT else ():
        if _LATIN.search(text) and english.get(key) == text:
            yield f'{key} says the same as in {LAST_RESORT}: "{text[:40]}"'
        elif has_own_letters(tag) and (left := latin_words(text, kept)):
            yield f"{key} has words in Latin letters: {', '.join(left)[:60]} (names that stay so: voice.keep in brand.toml)"


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


def _characters(prover: Prover, tag: str, entries: Own, all_: Mapping[str, Own]) -> Iterator[str]:
    """Nothing that is not seen does anything."""
    for key, text in _sentences(entries):
        yield from (f"{key} has {words}" for _, words in hidden(text))


_RULES: Final[Mapping[str, Rule]] = {
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
            yield f"{key}.{form}" if form else key, " ".join(phrase.plain[::2])


def _names(entry: Entry) -> frozenset[str]:
    phrases = [entry] if isinstance(entry, Phrase) else entry.values()
    return frozenset().union(*(each.names for each in phrases))


def _listed(words: frozenset[str] | set[str]) -> str:
    return ", ".join(sorted(words))
