"""What came of a rehearsal: of each recipe, whether every mail that its tests promise arrived, in which languages, and signed;
and what the daemon's log says beside it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import dkim
import dns.exception
import dns.resolver
from selectolax.lexbor import LexborHTMLParser

from engine.lab.keep import Kept, KeptMail
from engine.scene.casting import Actor, Recipe, language_of
from engine.scene.doings import Doings
from engine.scene.stage import Stage

LATE: Final = datetime(2035, 1, 1, tzinfo=UTC)  # after every test
SIGNATURES: Final = 2  # the lab's domain signs with an RSA and an Ed25519 key
_QUIET: Final = ("debug", "info")  # levels of the log that say nothing is wrong


@dataclass(slots=True)
class Played:
    """One recipe: how many people, how many mails arrived by name, in which languages, and what is wrong."""

    recipe: str
    people: int = 0
    mails: dict[str, int] = field(default_factory=dict)
    languages: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


def review(stage: Stage, played: Sequence[Recipe], doings: Doings) -> list[Played]:
    """Every recipe, in the order of their names."""
    letters = _Letters(stage, {mail.message_id: mail for mail in Kept.read(stage.lab)})
    return [_of(recipe, doings, letters) for recipe in played]


def _of(recipe: Recipe, doings: Doings, letters: "_Letters") -> Played:
    found = Played(recipe.name, len(recipe.actors))
    for actor in recipe.actors:
        came, wanted = doings.sent[actor.address], list(actor.mails)
        if (names := [mail for mail, _ in came]) != wanted:
            words = f"{actor.address}: wanted {', '.join(wanted) or 'nothing'}, got {', '.join(names) or 'nothing'}"
            found.faults.append(words)
        if actor.is_asked:
            found.faults += letters.faults_of_asking(actor)
            found.languages.add(language_of(actor.locale))
        for mail, name in came:
            found.mails[mail] = found.mails.get(mail, 0) + 1
            found.languages.add(language_of(actor.locale))
            found.faults += letters.faults(actor, mail, name)
    return found


class _Letters:
    """The receivers' mailboxes. Of each mail the signatures are verified once in each language."""

    def __init__(self, stage: Stage, kept: Mapping[str, KeptMail]) -> None:
        self._kept = kept
        self._verified: set[tuple[str, str]] = set()
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers = ["127.0.0.1"]
        self._resolver.port = stage.ports.dns

    def faults_of_asking(self, actor: Actor) -> list[str]:
        """Whether somebody was asked by mail to confirm the list."""
        mine = [mail for mail in self._kept.values() if actor.address in mail.rcpt_to]
        asked = any("/confirm" in mail.text for mail in mine)
        return [] if asked else [f"{actor.address}: was not asked to confirm the list"]

    def faults(self, actor: Actor, template: str, message_id: str) -> Iterator[str]:
        mail, language = self._kept.get(message_id), language_of(actor.locale)
        if mail is None:
            yield f"{actor.address}: {template} did not arrive"
            return
        page = LexborHTMLParser(mail.html).css_first("html")
        if page is None or page.attributes.get("lang") != language:
            yield f"{actor.address}: {template} is not in {language}"
        if not mail.text.strip() or not mail.subject:
            yield f"{actor.address}: {template} has no text or no subject"
        if (template, language) not in self._verified:
            self._verified.add((template, language))
            yield from self._signed(actor, template, mail.raw)

    def _signed(self, actor: Actor, template: str, content: bytes) -> Iterator[str]:
        verifier = dkim.DKIM(content)
        for place in range(SIGNATURES):
            try:
                with _at_any_time():
                    is_good = verifier.verify(idx=place, dnsfunc=self._txt)
            except (dkim.DKIMException, dns.exception.DNSException, IndexError) as err:
                yield f"{actor.address}: {template}: signature {place + 1}: {err}"
                continue
            if not is_good:
                yield f"{actor.address}: {template}: signature {place + 1} does not verify"

    def _txt(self, name: bytes, timeout: int = 5) -> bytes:
        answer = self._resolver.resolve(name.decode().rstrip("."), "TXT")
        return b"".join(answer[0].strings)


@contextmanager
def _at_any_time() -> Iterator[None]:
    """The verifier believes that it is late in the lab's year, or it would refuse signatures of days that are to come."""
    clock = dkim.time
    dkim.time = SimpleNamespace(time=lambda: LATE.timestamp())
    try:
        yield
    finally:
        dkim.time = clock


def logged(log: Path) -> list[dict[str, Any]]:
    """The lines of the daemon's log that say that something is wrong."""
    with log.open(encoding="utf-8", errors="replace") as lines:
        told = [_line(each) for each in lines if each.strip()]
    return [each for each in told if each.get("level") not in _QUIET]


def _line(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {"what": text.strip()}  # what no logger wrote: a traceback
    return found if isinstance(found, dict) else {"what": text.strip()}
