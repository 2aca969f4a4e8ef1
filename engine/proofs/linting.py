"""Lint: everything that is wrong with mails, before anybody gets one. Needs no daemon and no network."""

from collections.abc import Iterable, Iterator
from typing import Final

from deliverability.signing.keys import Algorithm, generate_key
from deliverability.signing.signer import Signer
from engine.proofs.active import in_templates
from engine.proofs.hidden import hidden_in_templates
from engine.proofs.proving import NOW, Proof, Prover
from engine.proofs.rules import Finding, findings, is_open
from engine.proofs.spam import Judge, Verdict, score
from engine.proofs.wording import shared_wording, wording
from engine.sending.brand import FILE, brand_faults
from engine.sending.checking import check_mails
from engine.sending.mail_files import MailFileError
from engine.sending.settings import MailSettings
from engine.sending.texts import TextError

_CONFIG: Final = "posthouse.toml"
_OPEN: Final = "which is not encrypted: say in web.base_url by which https address readers reach them"
_DOMAIN: Final = "shop.invalid"
_ELSEWHERE: Final = MailSettings(sender=f"Shop <hello@{_DOMAIN}>")
SPAM_MAX: Final = 1.0
"""Points of SpamAssassin or rspamd; 5 are spam, and so much is lost before anybody's own words are judged."""


def lint(prover: Prover, mails: Iterable[str], judge: Judge | None = None) -> Iterator[Finding]:
    """All that is found, mail by mail; what concerns all of them first. `judge`: who tells spam, where somebody does."""
    for words in (*brand_faults(prover.brand), *prover.unfinished):
        yield Finding("brand", FILE, words.removeprefix(f"{FILE}: "))
    if is_open(prover.pages):
        yield Finding("links", _CONFIG, f"links to our own pages begin with {prover.pages}, {_OPEN}")
    yield from shared_wording(prover)
    mails = list(mails)
    for mail in mails:
        yield from _mail(prover, mail)
    if judge is not None:
        yield from _spam(prover, mails, judge)


def _mail(prover: Prover, mail: str) -> Iterator[Finding]:
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
    seen = set()
    for rule, place, words in in_templates(prover.resources, mail):
        seen.add((rule, words))
        yield Finding(rule, place, words)
    for proof in proofs:
        for found in findings(proof):
            if (found.rule, found.problem) not in seen:  # once, not for every reader and language
                seen.add((found.rule, found.problem))
                yield found


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
