"""Lint: everything that is wrong with mails, before anybody gets one. Needs no daemon and no network."""

from collections.abc import Iterable, Iterator
from typing import Final

from engine.proofs.proving import Proof, Prover
from engine.proofs.rules import Finding, findings
from engine.proofs.samples import Reader
from engine.proofs.spam import Judge, score
from engine.proofs.wording import wording
from engine.sending.brand import brand_faults
from engine.sending.checking import check_mails
from engine.sending.mail_files import MailFileError
from engine.sending.texts import TextError

SPAM_MAX: Final = 1.0
"""Points of SpamAssassin or rspamd; 5 are spam, and so much is lost before anybody's own words are judged."""


def lint(prover: Prover, mails: Iterable[str], judge: Judge | None = None) -> Iterator[Finding]:
    """All that is found, mail by mail; what concerns all of them first. `judge`: who tells spam, where somebody does."""
    yield from (
        Finding("brand", "brand.toml", words.removeprefix("brand.toml: ")) for words in brand_faults(prover.brand)
    )
    if not prover.has_address:
        yield Finding("brand", "brand.toml", "there is no postal address: most laws ask for one (postal_address)")
    for mail in mails:
        yield from _mail(prover, mail, judge)


def _mail(prover: Prover, mail: str, judge: Judge | None) -> Iterator[Finding]:
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
    seen = set()
    for proof in proofs:
        for found in findings(proof):
            if (found.rule, found.problem) not in seen:  # once, not for every reader and language
                seen.add((found.rule, found.problem))
                yield found
    if judge is not None:
        yield from _spam(proofs, judge)


def _spam(proofs: Iterable[Proof], judge: Judge) -> Iterator[Finding]:
    usual = [(each, each.composed.content) for each in proofs if each.reader is Reader.USUAL and each.composed]
    for (proof, _), verdict in zip(usual, score(judge, [content for _, content in usual]), strict=True):
        if verdict.points >= SPAM_MAX:
            words = f"{judge.program} gives it {verdict.points:.1f} points (wanted: under {SPAM_MAX}): {', '.join(verdict.rules)}"
            yield Finding("spam", proof.where, words)
