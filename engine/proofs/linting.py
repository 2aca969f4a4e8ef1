"""Lint: everything that is wrong with mails, before anybody gets one. Needs no daemon and no network."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Final

from deliverability.signing.keys import Algorithm, generate_key
from deliverability.signing.signer import Signer
from engine.proofs.hidden import hidden_in_templates
from engine.proofs.proving import NOW, Proof, Prover
from engine.proofs.rules import Finding, findings, is_open
from engine.proofs.spam import Judge, Verdict, score
from engine.proofs.wording import shared_wording, wording
from engine.proofs.written import in_sheet, in_templates
from engine.sending.brand import FILE, brand_faults
from engine.sending.checking import check_mails
from engine.sending.mail_files import MailFileError
from engine.sending.settings import MailSettings
from engine.sending.texts import TextError

_CONFIG: Final = "posthouse.toml"
_OPEN: Final = "which is not encrypted: say in web.base_url by which https address readers reach them"
_DOMAIN: Final = "shop.invalid"
_ELSEWHERE: Final = MailSettings(sender=f"Shop <hello@{_DOMAIN}>")
_PART: Final = re.compile(r"(?:mail|base)/")
_LINE: Final = re.compile(r"^line \d+: ")
_NAMED: Final = 3  # mails that a fault of their parts names
SPAM_MAX: Final = 1.0
"""Points of SpamAssassin or rspamd; 5 are spam, and so much is lost before anybody's own words are judged."""

_Told = tuple[str, str]
"""A rule, and what it found."""


def lint(prover: Prover, mails: Iterable[str], judge: Judge | None = None) -> Iterator[Finding]:
    """All that is found, mail by mail; what concerns all of them first. `judge`: who tells spam, where somebody does."""
    for words in (*brand_faults(prover.brand), *prover.unfinished):
        yield Finding("brand", FILE, words.removeprefix(f"{FILE}: "))
    if is_open(prover.pages):
        yield Finding("links", _CONFIG, f"links to our own pages begin with {prover.pages}, {_OPEN}")
    yield from shared_wording(prover)
    sheet = [Finding(*each) for each in in_sheet(prover.resources)]
    yield from sheet
    mails = list(mails)
    yield from _told_of_parts(prover, mails, {(each.rule, each.problem) for each in sheet})
    if judge is not None:
        yield from _spam(prover, mails, judge)


def _told_of_parts(prover: Prover, mails: list[str], told: Collection[_Told]) -> Iterator[Finding]:
    """Mail by mail; then what is wrong in files that mails include, each once, with the mails that it is in."""
    parts: dict[Finding, list[str]] = {}
    for mail in mails:
        for found in _mail(prover, mail, told):
            if found.rule != "template" and _PART.match(found.where) and not found.where.startswith(f"mail/{mail}."):
                parts.setdefault(found, []).append(mail)
            else:
                yield found
    for found, of in parts.items():
        more = f" and {len(of) - _NAMED} more" if len(of) > _NAMED else ""
        yield replace(found, problem=f"{found.problem} (in {', '.join(of[:_NAMED])}{more})")


def _mail(prover: Prover, mail: str, told: Collection[_Told]) -> Iterator[Finding]:
    faults = check_mails(prover.resources, [mail])
    yield from (
        Finding("template", f"{each.file}:{each.line}" if each.line else each.file, each.problem) for each in faults
    )
    if faults:
        return  # what can't be read is not looked at further
    try:
        yield from wording(prover, mail)
        proofs = list(prover.proofs(mail))
    except (MailFileError, TextError) as err:
        yield Finding("template", f"mail/{mail}.toml", str(err))
        return
    yield from (Finding("characters", place, words) for place, words in hidden_in_templates(prover.resources, mail))
    came_out = [found for proof in proofs for found in findings(proof)]
    harm = {_told(found) for found in came_out}
    seen = set(told)
    for rule, place, words in in_templates(prover.resources, mail):
        if rule != "tags" or (rule, words) in harm:  # what one branch opens another may close
            seen.add((rule, words))
            yield Finding(rule, place, words)
    for found in came_out:
        if _told(found) not in seen:  # once, not for every reader and language
            seen.add(_told(found))
            yield found


def _told(found: Finding) -> _Told:
    """Of a tag nothing else is said for its standing on another line in another language."""
    return found.rule, _LINE.sub("", found.problem) if found.rule == "tags" else found.problem


def judged(prover: Prover, mails: Iterable[str], judge: Judge) -> list[tuple[Proof, Verdict]]:
    """What a judge says of each mail in each language, signed as all mail is. SpamTrouble.

    Without anybody's settings it is mail of shop.invalid: our sample's own name would stand in each link with letters that
    no shop's domain ends in, and SpamAssassin counts a Latin e among Cyrillic ones (MIXED_ES)."""
    at = Prover(prover.resources, _ELSEWHERE, f"https://mail.{_DOMAIN}") if prover.is_sample else prover
    domain = at.composer.address.domain
    signer = Signer([generate_key(domain, "lint", Algorithm.ED25519)])
    proofs = [at.proof(mail, tag) for mail in mails for tag in at.languages(mail)]
    signed = [
        (each, signer.sign(each.composed.content, NOW) + each.composed.content) for each in proofs if each.composed
    ]
    verdicts = score(judge, [content for _, content in signed])
    return [(proof, verdict) for (proof, _), verdict in zip(signed, verdicts, strict=True)]


def _spam(prover: Prover, mails: Iterable[str], judge: Judge) -> Iterator[Finding]:
    for proof, verdict in judged(prover, mails, judge):
        if verdict.points >= SPAM_MAX:
            words = f"{judge.program} gives it {verdict.points:.1f} points (wanted: under {SPAM_MAX}): {', '.join(verdict.rules)}"
            yield Finding("spam", proof.where, words)
